//! What create takes from the machine besides cgroups: a group of resctrl, and network devices.

use std::fs::File;
use std::os::fd::AsFd;

use super::create::CreateError;
use super::intel_rdt::{self, Group, Resctrl};
use super::net_devices::Mover;
use super::{Context, StepError};
use crate::plan::intel_rdt::IntelRdt;
use crate::plan::net_devices::NetDevice;
use crate::state::{Container, ResctrlRecord};

/// What was taken, to be given back where create fails.
#[derive(Debug, Default)]
pub struct Claims {
    resctrl: Option<(Resctrl, Group)>,
    mover: Option<Mover>,
}

impl Claims {
    /// Makes or finds the group of resctrl, and records it.
    pub fn enter_class(
        &mut self,
        plan: Option<&IntelRdt>,
        container: &mut Container,
    ) -> Result<(), CreateError> {
        let Some(plan) = plan else {
            return Ok(());
        };
        let resctrl = Resctrl::find()?;
        let group = resctrl.prepare(plan)?;
        let record = ResctrlRecord {
            class: group.dirs[0].clone(),
            remove: group.remove.clone(),
        };
        self.resctrl = Some((resctrl, group));
        container.update(|all| all.resctrl = Some(record))?;
        Ok(())
    }

    /// Puts init into the group.
    pub fn assign(&self, pid: i32) -> Result<(), StepError> {
        match &self.resctrl {
            Some((resctrl, group)) => resctrl.assign(group, pid),
            None => Ok(()),
        }
    }

    /// Moves the devices into the network namespace of init.
    pub fn move_devices(&mut self, devices: &[NetDevice], pid: i32) -> Result<(), StepError> {
        let Some(first) = devices.first() else {
            return Ok(());
        };
        let path = format!("/proc/{pid}/ns/net");
        let namespace = File::open(&path).step(&first.origin, || format!("open {path}"))?;
        let mut mover = Mover::open(namespace.as_fd())?;
        mover.move_all(devices)?;
        self.mover = Some(mover);
        Ok(())
    }

    /// Gives all back, once init is gone. The error that led here is the one to report, hence
    /// others are dropped.
    pub fn undo(mut self) {
        if let Some(mover) = &mut self.mover {
            mover.give_back();
        }
        if let Some((
            _,
            Group {
                undo: Some(made), ..
            },
        )) = &self.resctrl
        {
            let _ = intel_rdt::remove(made);
        }
    }
}
