//! What a case is: one behaviour, the requirements it judges, what it needs, and how to break it.

use std::borrow::Cow;
use std::fmt;

use plimsoll_fixtures::bundle::Bundle;

use crate::need::Need;
use crate::sabotage::Saboteur;
use crate::trial::Trial;
use crate::verdict::Check;

/// A name: of a case, a requirement, a saboteur.
pub type Name = Cow<'static, str>;

/// Something that names requirements: one id or a list of them.
pub trait Ids {
    /// The ids.
    fn ids(self) -> Vec<Name>;
}

impl Ids for &'static str {
    fn ids(self) -> Vec<Name> {
        vec![self.into()]
    }
}

impl Ids for String {
    fn ids(self) -> Vec<Name> {
        vec![self.into()]
    }
}

impl<T: Into<Name>, const N: usize> Ids for [T; N] {
    fn ids(self) -> Vec<Name> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Name>> Ids for Vec<T> {
    fn ids(self) -> Vec<Name> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Clone + Into<Name>> Ids for &[T] {
    fn ids(self) -> Vec<Name> {
        self.iter().cloned().map(Into::into).collect()
    }
}

/// What a case does to the minimal bundle.
pub type Prepare = Box<dyn Fn(Bundle) -> Bundle + Send + Sync>;
/// How a case drives the runtime and judges what it sees.
pub type Run = Box<dyn Fn(&Trial) -> Check + Send + Sync>;

/// One behaviour that a runtime has or has not.
///
/// ```
/// use plimsoll::case::Case;
/// use plimsoll::sabotage::{alters, drops};
/// use plimsoll::trial::Assert;
///
/// let case = Case::new("config/hostname/seen_inside", "config.hostname.set")
///     .bundle(|b| b.hostname("conf-7"))
///     .run(|t| {
///         let agent = t.agent()?;
///         t.eq("nodename", &agent.report.uname.nodename, "conf-7")
///     })
///     .saboteurs([drops("/hostname"), alters("/hostname", "other")]);
/// assert_eq!(case.covers, ["config.hostname.set"]);
/// ```
pub struct Case {
    /// `<chapter>/<subject>/<fact>`; never changes once released.
    pub id: Name,
    /// The ids of the requirements that it judges, the primary one first.
    pub covers: Vec<Name>,
    /// What the machine must offer.
    pub needs: Vec<Need>,
    /// The change to the minimal bundle.
    pub bundle: Prepare,
    /// The drive and the judgement.
    pub run: Run,
    /// The ways of breaking a runtime that must turn it red.
    pub saboteurs: Vec<Saboteur>,
}

impl Case {
    /// A case that covers `covers`, on the minimal bundle, with nothing to run yet.
    pub fn new(id: impl Into<Name>, covers: impl Ids) -> Self {
        Self {
            id: id.into(),
            covers: covers.ids(),
            needs: Vec::new(),
            bundle: Box::new(|bundle| bundle),
            run: Box::new(|_| Err(crate::verdict::Stop::Broken("the case has no run".into()))),
            saboteurs: Vec::new(),
        }
    }

    /// Adds what the machine must offer; an unmet need skips the case.
    #[must_use]
    pub fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Sets the change to the minimal bundle.
    #[must_use]
    pub fn bundle(mut self, prepare: impl Fn(Bundle) -> Bundle + Send + Sync + 'static) -> Self {
        self.bundle = Box::new(prepare);
        self
    }

    /// Sets what is done and judged.
    #[must_use]
    pub fn run(mut self, run: impl Fn(&Trial) -> Check + Send + Sync + 'static) -> Self {
        self.run = Box::new(run);
        self
    }

    /// Adds ways of breaking a runtime that must turn the case red.
    #[must_use]
    pub fn saboteurs(mut self, saboteurs: impl IntoIterator<Item = Saboteur>) -> Self {
        self.saboteurs.extend(saboteurs);
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .field("covers", &self.covers)
            .field("needs", &self.needs)
            .field("saboteurs", &self.saboteurs)
            .finish_non_exhaustive()
    }
}
