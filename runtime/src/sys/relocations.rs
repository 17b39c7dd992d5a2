//! The addresses that a position-independent program writes into its constants at its start.
//!
//! The linker lists them in a table, of 24 bytes each, and where it may (`-z pack-relative-relocs`) most of them in bit
//! maps instead. No code here may use what is relocated, or a function of the C library ([`super::rest`]).

/// The unit of both tables.
const WORD: usize = size_of::<usize>();

/// `R_X86_64_RELATIVE` and `R_AARCH64_RELATIVE` of elf.h: the address is the program's own plus a number.
#[cfg(target_arch = "x86_64")]
const RELATIVE: u64 = 8;
/// `R_X86_64_RELATIVE` and `R_AARCH64_RELATIVE` of elf.h: the address is the program's own plus a number.
#[cfg(target_arch = "aarch64")]
const RELATIVE: u64 = 1027;

/// `Elf64_Rela` of elf.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Relocation {
    offset: u64,
    info: u64,
    addend: u64,
}

/// `Elf64_Dyn` of elf.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Dynamic {
    tag: i64,
    value: u64,
}

/// `DT_RELA`, `DT_RELASZ`, `DT_RELRSZ` and `DT_RELR` of elf.h.
const DT_RELA: i64 = 7;
const DT_RELASZ: i64 = 8;
const DT_RELRSZ: i64 = 35;
const DT_RELR: i64 = 36;

/// The tables of the program.
#[derive(Clone, Copy)]
pub(super) struct Relocations {
    /// What is added to the addresses in the file.
    base: usize,
    table: *const Relocation,
    count: usize,
    packed: *const usize,
    packed_count: usize,
}

impl Relocations {
    /// No tables.
    pub(super) const NONE: Self = Self {
        base: 0,
        table: std::ptr::null(),
        count: 0,
        packed: std::ptr::null(),
        packed_count: 0,
    };

    /// Finds the tables.
    ///
    /// # Safety
    /// `dynamic` must be the address of the dynamic section of the program, which lies at `base`.
    pub(super) unsafe fn find(base: usize, dynamic: usize) -> Self {
        let mut found = Self { base, ..Self::NONE };
        // The GNU C Library adds the base in place.
        let place = |value: u64| {
            let value = value as usize;
            if value < base { base + value } else { value }
        };
        let mut entry = std::ptr::with_exposed_provenance::<Dynamic>(dynamic);
        loop {
            // SAFETY: the section ends with an entry of tag 0, at which this returns.
            let Dynamic { tag, value } = unsafe { entry.read() };
            match tag {
                0 => return found,
                DT_RELA => found.table = std::ptr::with_exposed_provenance(place(value)),
                DT_RELASZ => found.count = value as usize / size_of::<Relocation>(),
                DT_RELR => found.packed = std::ptr::with_exposed_provenance(place(value)),
                DT_RELRSZ => found.packed_count = value as usize / WORD,
                _ => {}
            }
            // SAFETY: the entry was not the last.
            entry = unsafe { entry.add(1) };
        }
    }

    /// Whether nothing is known of the program's.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_null() && self.packed.is_null()
    }

    /// Writes the addresses of the places that are wanted.
    ///
    /// # Safety
    /// The places must be writable, and as they are in the file: what the bit maps name holds a number there, to which
    /// the base is added.
    #[inline]
    pub(super) unsafe fn apply(&self, wanted: impl Fn(usize) -> bool) {
        for index in 0..self.count {
            // SAFETY: the table has this many entries.
            let entry = unsafe { self.table.add(index).read() };
            let place = self.base + entry.offset as usize;
            if entry.info == RELATIVE && wanted(place) {
                let place: *mut usize = std::ptr::with_exposed_provenance_mut(place);
                // SAFETY: the linker's table says that an address of the program is written here, and the caller
                // that the place is writable.
                unsafe { place.write_unaligned(self.base + entry.addend as usize) };
            }
        }
        let packed = (0..self.packed_count).map(|index| {
            // SAFETY: the table has this many words.
            unsafe { self.packed.add(index).read() }
        });
        unpack(packed, |offset| {
            let place = self.base + offset;
            if wanted(place) {
                let place: *mut usize = std::ptr::with_exposed_provenance_mut(place);
                // SAFETY: the linker's bit maps say that a word here holds a number to which the base is added, and the
                // caller that it still does and is writable.
                unsafe { place.write(place.read().wrapping_add(self.base)) };
            }
        });
    }
}

/// Walks over the places of bit maps (the System V ABI's `SHT_RELR`): an even word is a place, an odd one says of each
/// of the 63 words that follow the last whether it is one.
#[inline]
fn unpack(words: impl Iterator<Item = usize>, mut each: impl FnMut(usize)) {
    let mut next = 0;
    for word in words {
        if word & 1 == 0 {
            each(word);
            next = word + WORD;
            continue;
        }
        let mut bits = word >> 1;
        let mut place = next;
        while bits != 0 {
            if bits & 1 == 1 {
                each(place);
            }
            bits >>= 1;
            place += WORD;
        }
        next += (WORD * 8 - 1) * WORD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(words: &[usize]) -> Vec<usize> {
        let mut places = Vec::new();
        unpack(words.iter().copied(), |place| places.push(place));
        places
    }

    #[test]
    fn bit_maps_name_places() {
        assert!(places(&[]).is_empty());
        assert_eq!(places(&[0x1000, 0x2000]), [0x1000, 0x2000]);
        // The first, second and last of those after the place, and of those after them the first.
        let map = 1 << 63 | 0b111;
        let last = 0x1008 + 62 * 8;
        assert_eq!(
            places(&[0x1000, map, 0b11]),
            [0x1000, 0x1008, 0x1010, last, last + 8]
        );
        assert_eq!(places(&[0x1000, 1, 0b11]), [0x1000, last + 8]);
    }

    /// Both tables, applied to a copy of a page as the file would have it.
    #[test]
    fn wanted_places_are_written() {
        let mut page = [5_usize; 8];
        let base = page.as_mut_ptr().expose_provenance();
        let entry = |offset, info| Relocation {
            offset,
            info,
            addend: 7,
        };
        let table = [
            entry(0, RELATIVE),
            entry(8, RELATIVE + 1),
            entry(16, RELATIVE),
        ];
        let packed = [24, 0b1011];
        let relocations = Relocations {
            base,
            table: table.as_ptr(),
            count: table.len(),
            packed: packed.as_ptr(),
            packed_count: packed.len(),
        };
        // SAFETY: the tables name words of `page`.
        unsafe { relocations.apply(|place| place != base + 16 && place != base + 48) };
        assert_eq!(page, [base + 7, 5, 5, base + 5, base + 5, 5, 5, 5]);
    }
}
