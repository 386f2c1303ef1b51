//! Overlaps of key neurons as a table.

use maec_lab::Overlap;

use crate::table;

/// Every pair, all parameters first, then by tensor kind.
pub fn overlaps(overlaps: &[Overlap]) -> String {
    let headings =
        ["first", "second", "tensors", "parameters", "|first|", "|second|", "|both|", "Jaccard", "by chance"];
    let mut table = table::new(&headings, 3);
    for overlap in overlaps {
        let rows = [("all", &overlap.all)]
            .into_iter()
            .chain(overlap.kinds.iter().map(|(kind, counts)| (kind.as_str(), counts)));
        for (kind, counts) in rows {
            table.add_row([
                overlap.first.clone(),
                overlap.second.clone(),
                kind.to_owned(),
                table::count(counts.parameters),
                table::count(counts.first),
                table::count(counts.second),
                table::count(counts.both),
                format!("{:.3}", counts.jaccard),
                format!("{:.1}", counts.expected),
            ]);
        }
    }
    table.to_string()
}
