//! The targets without libFuzzer: their seeds, and variants that follow from a fixed start.

use fuzz::{TARGETS, Target};

/// Variants of each seed.
const VARIANTS: usize = 400;
/// Bytes changed in a variant at most.
const CHANGES_MAX: u64 = 8;

/// Marsaglia's xorshift: the same variants on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}

/// Changes, removes, repeats or cuts.
fn variant(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(CHANGES_MAX) {
        let at = chance.below(bytes.len() as u64 + 1) as usize;
        match chance.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.below(256) as u8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            4 if at < bytes.len() => bytes[at] = [0, 0x7f, 0x80, 0xff][chance.below(4) as usize],
            _ => bytes.extend_from_slice(&bytes.clone()[at.min(bytes.len())..]),
        }
    }
    bytes
}

fn run(target: &Target) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        (target.check)(seed);
        for _ in 0..VARIANTS {
            (target.check)(&variant(seed, &mut chance));
        }
    }
}

#[test]
fn every_target_holds_for_its_seeds_and_variants() {
    for target in TARGETS {
        println!("{}", target.name);
        run(target);
    }
}

#[test]
fn every_target_has_a_binary_and_every_binary_a_target() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the folder of binaries");
    let mut binaries: Vec<_> = files
        .map(|file| {
            file.expect("readable").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    binaries.sort();
    targets.sort();
    assert_eq!(binaries, targets);
}
