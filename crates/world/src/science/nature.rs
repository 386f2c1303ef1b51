//! What there is, and the rules that say what is true of it.

/// Kinds of creatures, and as many diets and homes: kind k eats diet k and lives in home k.
pub(crate) const KINDS: usize = 5;

/// The creatures, written alike in every language; creature c is of kind c modulo [`KINDS`].
pub(crate) const CREATURES: [&str; 30] = [
    "Zorb", "Quim", "Plif", "Drax", "Wump", "Snee", "Glub", "Trok", "Yibb", "Fraz", "Mogu", "Klee", "Vunt",
    "Jiro", "Hask", "Brin", "Opli", "Nufi", "Teba", "Gorn", "Rill", "Ziko", "Pash", "Lumo", "Dwee", "Skab",
    "Umpa", "Krel", "Fimo", "Tolk",
];

/// Things on a scale.
pub(crate) const RANKS: u8 = 12;

/// The metals, the first to melt first.
pub(crate) const METALS: [&str; RANKS as usize] = [
    "Jorium", "Belium", "Kelium", "Arvium", "Golium", "Dalium", "Ixium", "Corvium", "Lorium", "Esprium",
    "Harvium", "Farium",
];

/// The planets, the nearest to the sun first.
pub(crate) const PLANETS: [&str; RANKS as usize] =
    ["Gant", "Aron", "Lyma", "Dorn", "Hila", "Bexa", "Juva", "Fyro", "Kora", "Cyra", "Iper", "Elva"];

/// What a creature has by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attribute {
    /// The kind itself.
    Kind,
    /// What it eats.
    Diet,
    /// Where it lives.
    Home,
}

impl Attribute {
    /// Every attribute.
    pub(crate) const ALL: [Self; 3] = [Self::Kind, Self::Diet, Self::Home];
}

/// An order of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// The order in which metals melt.
    Melting,
    /// The planets' distance from the sun.
    Distance,
}

impl Scale {
    /// Both scales.
    pub(crate) const ALL: [Self; 2] = [Self::Melting, Self::Distance];

    /// The name of the thing at `rank`.
    pub(crate) fn name(self, rank: u8) -> &'static str {
        match self {
            Self::Melting => METALS[usize::from(rank)],
            Self::Distance => PLANETS[usize::from(rank)],
        }
    }
}

/// The kind of a creature, and by the rules also the number of its diet and of its home.
pub(crate) fn kind_of(creature: u8) -> u8 {
    creature % KINDS as u8
}
