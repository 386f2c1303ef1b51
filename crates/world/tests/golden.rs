//! The bytes of a small world, the same natively and in WebAssembly.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use maec_world::{Abilities, Language, Numbers, World, WorldConfig};
use sha2::{Digest, Sha256};

/// SHA-256 of every file of the world below. A change here is a change of the world: trained models and packs made
/// before it no longer match.
const GOLDEN: [(&str, &str); 24] = [
    ("base.jsonl", "dcfd574e88f805a9f85053c8862d43a1d1deaea1c3272f21efa911377a611821"),
    ("general/en.jsonl", "e0809f7db8dd2d7ef0de1192a63504edefcca6670cf40d559490b198979bda7d"),
    ("general/es.jsonl", "181a9fc26c897d3b33ea47aa1ca55ab91613e67aa13da27d84a0fcb3f27ec034"),
    ("general/zh.jsonl", "81a86ed1f9e7e256172824fa89d49e9a68a688a3dccaf643da1f969631797edd"),
    ("general/bn.jsonl", "608592ca3c2257f3567d3f177ebebb60369aca6f1638791ae983e8312d8a3ee3"),
    ("general/te.jsonl", "e7c6c5a33a83a755334edad44546930c258548e5dac0de6b574509669b439cf3"),
    ("ability/en.jsonl", "acb33afa67e9ef8656441e4b47dd00546eabd75c29317a2dd559fa703addc23b"),
    ("heldout/en.jsonl", "1c8f4a634d23169c092fdae27c89ee82ffb6dc9ed67ea33ebf7a7930dbf0a638"),
    ("heldout/es.jsonl", "cedb4bcb1d9320f54c3a1d964102b426e5676f7f67f06ba0eaff32f1a7c4f28d"),
    ("heldout/zh.jsonl", "3202cb18d6e792064f28b2e09c79a70d2401d1097eb1d8c485ab8aac6f429b3d"),
    ("heldout/bn.jsonl", "267f78492ad8fc543ea794526b9b34589bc2cda56d25327dc82faacba6679253"),
    ("heldout/te.jsonl", "708a30c60eba1a0320091ce94b507689f4a7a7bd0c46e873c97f069971a6c436"),
    ("validation/en.jsonl", "4228d171b24b6cbdf7c61065bdc69d6ce85eeaa7e699dd3d1b3863a853c90cd0"),
    ("validation/es.jsonl", "c835bf47a9522b22ebdbed2c060787bbfab001a95b66390c11b0bcd4e5685c18"),
    ("validation/zh.jsonl", "e7869cabee65e46ee6e7470d98f1d752e8430a5af66d78e91792d21d077f5ff8"),
    ("validation/bn.jsonl", "e716a354555659b8cdcf9912cbc398d7e3f9d0e53cda5ac074b536006c46e532"),
    ("validation/te.jsonl", "07adbc285b78abb3aa52086f13061baade41071bba116090e41f1d07a5a37c69"),
    ("test/en.jsonl", "ec57b5c45eae856b7361238463a573e0802b16f52a7efd1bee992bb78ea3cab2"),
    ("test/es.jsonl", "4e1be8b83363e2ecdf4d552002370df8d3c1607b65e8a10c9b6a1eb49dc3a0ba"),
    ("test/zh.jsonl", "1d4caddab67b56bb68cd9d8232d95491762b8a37ac1c84d96826b57bcb805953"),
    ("test/bn.jsonl", "8ae375739c27f680bc2029a2cb7aa6ca43c78e1a4d16e2f52918b92e79634362"),
    ("test/te.jsonl", "021fa7777bce220d55b2d07ae431e847b54cb664879a152b427cecd4358b5ef1"),
    ("tokenizer.json", "28e08d3d7483c6891a9457bc4c5043775ee3ec9b428925f774ea25e110c1c73c"),
    ("tokenizer_config.json", "e09cc37ea2cf24dea8646f9cf2ecdd8c1851c5cd437c858427f957988d10afca"),
];

fn small() -> WorldConfig {
    WorldConfig {
        seed: 1,
        base_documents: 500,
        general_documents: 100,
        ability_documents: 100,
        heldout_documents: 50,
        validation_problems: 60,
        test_problems: 100,
        numbers: Numbers::Digits,
        ..WorldConfig::default()
    }
}

#[test]
fn every_file_has_its_golden_bytes() {
    let manifest = World::new(small()).expect("the configuration is valid").manifest();
    let found: Vec<(&str, &str)> =
        manifest.files.iter().map(|file| (file.path.as_str(), file.sha256.as_str())).collect();
    assert_eq!(found, GOLDEN, "left: made here, right: golden");
}

#[test]
fn another_seed_makes_another_world_with_the_same_words() {
    let first = World::new(small()).expect("the configuration is valid");
    let second = World::new(WorldConfig { seed: 2, ..small() }).expect("the configuration is valid");
    assert_eq!(first.tokenizer_json(), second.tokenizer_json());
    let changed: Vec<_> = first.manifest().files.into_iter().zip(second.manifest().files).collect();
    for (one, two) in &changed {
        assert_eq!(one.path, two.path);
        assert_eq!(one.sha256 == two.sha256, one.path.starts_with("tokenizer"), "{}", one.path);
    }
}

#[test]
fn a_larger_world_starts_with_the_smaller_one() {
    let small = small();
    let larger = WorldConfig {
        base_documents: 700,
        general_documents: 130,
        ability_documents: 170,
        heldout_documents: 60,
        validation_problems: 70,
        test_problems: 160,
        numbers: Numbers::Whole,
        ..small.clone()
    };
    let small = World::new(small).expect("the configuration is valid");
    let larger = World::new(larger).expect("the configuration is valid");
    assert!(small.base().eq(larger.base().take(500)));
    assert!(small.ability().eq(larger.ability().take(100)));
    for language in Language::ALL {
        assert!(small.general(language).eq(larger.general(language).take(100)));
        assert!(small.heldout(language).eq(larger.heldout(language).take(50)));
        assert_eq!(small.validation(language), larger.validation(language)[..60]);
        assert_eq!(small.test(language), larger.test(language)[..100]);
    }
}

/// SHA-256 of a world's manifest as `world.json` has it, which holds every file's.
fn manifest_hash(config: WorldConfig) -> String {
    let world = World::new(config).expect("the configuration is valid");
    let json = serde_json::to_string_pretty(&world.manifest()).expect("a manifest is JSON");
    Sha256::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_not_asked_for_changes_no_byte() {
    let config = WorldConfig { numbers: Numbers::Whole, ..small() };
    assert_eq!(manifest_hash(config), "415a8648d193da020399da9955e3946bae6efe63f8d4f46fa8acfc09a77956d4");
}

#[test]
fn a_world_of_both_abilities_has_its_golden_bytes() {
    let config =
        WorldConfig { numbers: Numbers::Whole, abilities: Abilities::Both, translated: true, ..small() };
    assert_eq!(manifest_hash(config), "b2dfcdbf5d551bd8d4a933baf792483463e8a292fdeefe622d936f945a2f05e8");
}
