//! What somebody did, and how they looked: one text for whoever reads, and several questions for whoever writes.
//!
//! The form asks for what was done first, then for several traits, because one trait alone fits too many people. The traits
//! stand at the end of the description, one on each line.

/// What stands above the traits.
const HEADING: &str = "Descriptions:";

/// A trait that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trait {
    /// What the input is called.
    pub(super) name: &'static str,
    /// What stands before it.
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
}

const fn of(name: &'static str, label: &'static str, hint: &'static str) -> Trait {
    Trait { name, label, hint }
}

/// All of them, in the order of the form.
pub(super) const TRAITS: [Trait; 7] = [
    of("trait-top", "Clothes above the waist", "Such as: dark green waxed jacket with a torn pocket."),
    of("trait-bottom", "Clothes below the waist", "Such as: grey tracksuit trousers."),
    of("trait-shoes", "Shoes", "Such as: white trainers with a red sole."),
    of("trait-head", "Head and hair", "Such as: black beanie, shoulder-length hair."),
    of("trait-build", "Height, build and age", "A range, such as: 170 to 180 cm, slim, 25 to 35."),
    of("trait-manner", "Manner and speech", "Such as: limped on the left side, spoke with nobody."),
    of("trait-carried", "Things and vehicles", "What was carried or driven. A plate belongs into an annex."),
];

/// A description as what was done, and the traits in the order of [`TRAITS`]. One that was not written by this form is all of
/// it what was done.
pub(super) fn split(description: &str) -> (String, [String; TRAITS.len()]) {
    let whole = || (description.to_owned(), Default::default());
    let (behaviour, lines) = match description.split_once(&format!("\n\n{HEADING}\n")) {
        Some(parts) => parts,
        None => match description.strip_prefix(&format!("{HEADING}\n")) {
            Some(lines) => ("", lines),
            None => return whole(),
        },
    };
    let mut traits: [String; TRAITS.len()] = Default::default();
    for line in lines.lines() {
        let known = line.split_once(": ").and_then(|(label, said)| {
            let at = TRAITS.iter().position(|known| known.label == label)?;
            Some((traits.get_mut(at)?, said))
        });
        match known {
            Some((slot, said)) if slot.is_empty() => said.clone_into(slot),
            Some(_) | None => return whole(),
        }
    }
    (behaviour.to_owned(), traits)
}

/// One description of both.
pub(super) fn join(behaviour: &str, traits: &[String; TRAITS.len()]) -> String {
    let behaviour = behaviour.trim_end();
    let one_line = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = TRAITS.iter().zip(traits).map(|(known, said)| (known, one_line(said))).filter(|(_, said)| !said.is_empty());
    let lines: Vec<String> = lines.map(|(known, said)| format!("{}: {said}", known.label)).collect();
    match (behaviour.is_empty(), lines.is_empty()) {
        (_, true) => behaviour.to_owned(),
        (true, false) => format!("{HEADING}\n{}", lines.join("\n")),
        (false, false) => format!("{behaviour}\n\n{HEADING}\n{}", lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_and_the_traits_come_apart_as_they_were_put_together() {
        let mut traits: [String; TRAITS.len()] = Default::default();
        traits[0] = "green jacket".into();
        traits[2] = " white\r\ntrainers: red sole ".into();
        for behaviour in ["Cut a lock.\n\nThen left.", ""] {
            let text = join(behaviour, &traits);
            assert!(text.ends_with("Descriptions:\nClothes above the waist: green jacket\nShoes: white trainers: red sole"), "{text}");
            let (again, parts) = split(&text);
            assert_eq!((again.as_str(), parts[2].as_str()), (behaviour, "white trainers: red sole"));
        }
        assert_eq!(join("a", &Default::default()), "a");
    }

    #[test]
    fn a_text_that_this_form_did_not_write_stays_whole() {
        for text in ["plain", "a\n\nDescriptions:\nsomething else", "a\n\nDescriptions:\nShoes: x\nShoes: y", ""] {
            assert_eq!(split(text), (text.to_owned(), Default::default()));
        }
    }
}
