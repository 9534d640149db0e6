//! Setting fields by short paths, as a volunteer types them on a command line.
//!
//! - `severity=Severe` reaches `info[0].severity`: a name that only one block has may be written bare,
//!   and a block without a position is its first one, made if need be.
//! - `info[1].headline=…` names the second block; `asks[+].text=…` adds one.
//! - `category=Security,Safety` sets a list; `category+=Fire` adds to it. Values with commas of their own
//!   (polygons, circles) are written one each time: the first replaces the list, the next ones in the
//!   same command add to it.
//! - `note=` empties a field.

use super::check::{FieldError, check_size, check_value, shorten};
use super::fields::{Fields, join, split_position};
use super::kind::{Field, Form, Kind, Splitting};
use super::limits::MAX_ITEMS;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How an assignment writes a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Replace,
    Add,
}

impl Kind {
    /// Sets fields from a command's words, each `PATH=VALUE` or `PATH+=VALUE`. Nothing is changed if one
    /// of them is wrong.
    ///
    /// # Errors
    ///
    /// The first word that is wrong, with what to write.
    pub fn assign_all<'a>(&self, fields: &mut Fields, words: impl IntoIterator<Item = &'a str>) -> Result<(), FieldError> {
        let mut changed = fields.clone();
        let mut written = BTreeSet::new();
        for word in words {
            let (path, text) =
                word.split_once('=').ok_or_else(|| FieldError::NotAnAssignment { found: shorten(word), example: self.example })?;
            let (path, mode) = match path.strip_suffix('+') {
                Some(path) => (path, Mode::Add),
                None => (path, Mode::Replace),
            };
            let path = self.full_path(path.trim())?;
            let field = self.field(&path);
            // A second polygon in one command is another polygon, not a correction of the first.
            let again = !written.insert(path.clone()) && field.is_some_and(|field| field.splitting == Splitting::Whole);
            self.put(&mut changed, &path, text, if again { Mode::Add } else { mode })?;
        }
        check_size(&changed)?;
        *fields = changed;
        Ok(())
    }

    /// Sets one field. A path that ends in `+` adds to a list, any other path replaces what is there;
    /// an empty text empties the field.
    ///
    /// # Errors
    ///
    /// The path or the value that is wrong, with what is allowed; `fields` are then as they were.
    pub fn assign(&self, fields: &mut Fields, path: &str, text: &str) -> Result<(), FieldError> {
        self.assign_all(fields, [format!("{path}={text}").as_str()])
    }

    /// The whole path of a field that was named bare: `areaDesc` is `info.area.areaDesc`.
    fn full_path(&self, path: &str) -> Result<String, FieldError> {
        let first = path.split('.').next().unwrap_or(path);
        let name = first.split('[').next().unwrap_or(first);
        if self.fields.iter().any(|field| field.name == name) {
            return Ok(path.to_owned());
        }
        let mut homes = Vec::new();
        find_blocks(self.fields, name, "", &mut homes);
        match homes.as_slice() {
            [] => Err(FieldError::Unknown { path: shorten(path), kind: self.name, near: self.near(name) }),
            [home] => Ok(join(home, path)),
            several => {
                Err(FieldError::Ambiguous { path: shorten(path), candidates: several.iter().map(|home| join(home, name)).collect() })
            }
        }
    }

    /// The names of this kind that are close to a wrong one, best first, at most three.
    pub(super) fn near(&self, name: &str) -> Vec<String> {
        let mut names = BTreeSet::new();
        collect_names(self.fields, &mut names);
        let wrong = shorten(name).to_lowercase();
        let mut scored: Vec<(usize, &str)> = names
            .into_iter()
            .map(|candidate| (strsim::osa_distance(&wrong, &candidate.to_lowercase()), candidate))
            .filter(|(distance, candidate)| *distance <= 2 || (wrong.len() >= 3 && candidate.to_lowercase().contains(&wrong)))
            .collect();
        scored.sort_unstable();
        scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }

    fn put(&self, fields: &mut Fields, path: &str, text: &str, mode: Mode) -> Result<(), FieldError> {
        let mut map = fields.as_map().clone();
        self.put_in(self.fields, &mut map, path, path, text, mode)?;
        drop_empty(&mut map);
        *fields = Fields::checked(map);
        Ok(())
    }

    /// Sets the value at `rest`, a path inside `map`; `path` is the whole path, for errors.
    fn put_in(
        &self,
        schema: &[Field],
        map: &mut Map<String, Value>,
        path: &str,
        rest: &str,
        text: &str,
        mode: Mode,
    ) -> Result<(), FieldError> {
        let bad = |problem| FieldError::BadPath { path: shorten(path), problem };
        let (part, deeper) = rest.split_once('.').map_or((rest, None), |(part, deeper)| (part, Some(deeper)));
        let name = part.split('[').next().unwrap_or(part);
        let Some(field) = schema.iter().find(|field| field.name == name) else {
            return Err(FieldError::Unknown { path: shorten(path), kind: self.name, near: self.near(name) });
        };
        let Form::Records(inner) = field.form else {
            if deeper.is_some() {
                return Err(bad("this field has no fields inside: end the path here"));
            }
            if part != name {
                return Err(bad("this field has no blocks: leave the position out"));
            }
            let value = self.typed(field, map.get(name), path, text, mode)?;
            match value {
                Some(value) => map.insert(name.to_owned(), value),
                None => map.remove(name),
            };
            return Ok(());
        };
        let Some(deeper) = deeper else {
            return Err(bad("this is a block of fields: go on with a dot and a field's name"));
        };
        let entry = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(blocks) = entry else {
            return Err(bad("this is not a list of blocks"));
        };
        let position = if part == name {
            0
        } else if part.strip_prefix(name) == Some("[+]") {
            blocks.len()
        } else {
            split_position(part).1.ok_or_else(|| bad("a position is a number or + in brackets, such as [0]"))?
        };
        if position > blocks.len() {
            return Err(FieldError::NoSuchBlock { path: shorten(path), blocks: blocks.len() });
        }
        if position >= MAX_ITEMS {
            return Err(FieldError::TooMany { path: shorten(path), found: position.saturating_add(1), limit: MAX_ITEMS });
        }
        if position == blocks.len() {
            blocks.push(Value::Object(Map::new()));
        }
        match blocks.get_mut(position) {
            Some(Value::Object(block)) => self.put_in(inner, block, path, deeper, text, mode),
            _ => Err(bad("this is not a block of fields")),
        }
    }

    /// The value that a typed text means for a field.
    fn typed(&self, field: &Field, present: Option<&Value>, path: &str, text: &str, mode: Mode) -> Result<Option<Value>, FieldError> {
        let value = match field.form {
            Form::Number if text.trim().is_empty() => Value::Null,
            Form::Number => text
                .trim()
                .parse::<u64>()
                .map(Value::from)
                .map_err(|_| FieldError::NotANumber { path: shorten(path), found: shorten(text) })?,
            Form::List(_) => {
                let mut items = match (mode, present) {
                    (Mode::Add, Some(Value::Array(items))) => items.clone(),
                    _ => Vec::new(),
                };
                match field.splitting {
                    Splitting::Commas => items.extend(text.split(',').map(Value::from)),
                    Splitting::Whole => items.push(Value::from(text)),
                }
                Value::Array(items)
            }
            _ if mode == Mode::Add => {
                return Err(FieldError::BadPath { path: shorten(path), problem: "this field holds one value: write = instead of +=" });
            }
            Form::Text | Form::Line | Form::Choice(_) | Form::Time | Form::Records(_) => Value::from(text),
        };
        check_value(self, field.form, &value, path)
    }
}

/// The blocks, as paths, that have a field of this name.
fn find_blocks(fields: &[Field], name: &str, path: &str, homes: &mut Vec<String>) {
    for field in fields {
        if let Form::Records(inner) = field.form {
            let path = join(path, field.name);
            if inner.iter().any(|field| field.name == name) {
                homes.push(path.clone());
            }
            find_blocks(inner, name, &path, homes);
        }
    }
}

fn collect_names(fields: &'static [Field], names: &mut BTreeSet<&'static str>) {
    for field in fields {
        names.insert(field.name);
        if let Form::Records(inner) = field.form {
            collect_names(inner, names);
        }
    }
}

/// Drops blocks whose last field was emptied.
fn drop_empty(map: &mut Map<String, Value>) {
    map.retain(|_, value| {
        let Value::Array(items) = value else {
            return true;
        };
        items.retain_mut(|item| {
            let Value::Object(block) = item else {
                return true;
            };
            drop_empty(block);
            !block.is_empty()
        });
        !items.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::super::kind;
    use super::*;
    use serde_json::json;

    fn assign(name: &str, words: &[&str]) -> Result<Value, String> {
        let mut fields = Fields::default();
        kind::find(name).unwrap().assign_all(&mut fields, words.iter().copied()).map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(fields).unwrap())
    }

    #[test]
    fn bare_names_reach_into_the_first_block() {
        assert_eq!(
            assign("bulletin", &["severity=severe", "areaDesc=Mill Road", "category=Security,Safety", "status=Test", "info[1].headline=b"]),
            Ok(json!({"status": "Test", "info": [
                {"severity": "Severe", "category": ["Security", "Safety"], "area": [{"areaDesc": "Mill Road"}]},
                {"headline": "b"}]}))
        );
    }

    #[test]
    fn two_polygons_in_one_command_are_two_and_the_next_command_replaces_them() {
        let kind = kind::find("bulletin").unwrap();
        let mut fields = Fields::default();
        kind.assign_all(&mut fields, ["polygon=1,1 2,2 3,3 1,1", "polygon=4,4 5,5 6,6 4,4", "circle=51.5,-0.1 0.5"]).unwrap();
        assert_eq!(fields.get("info.area.polygon").unwrap().as_array().unwrap().len(), 2);
        kind.assign(&mut fields, "polygon", "7,7 8,8 9,9 7,7").unwrap();
        assert_eq!(fields.get("info.area.polygon"), Some(&json!(["7,7 8,8 9,9 7,7"])));
        kind.assign(&mut fields, "polygon+", "1,1 2,2 3,3 1,1").unwrap();
        assert_eq!(fields.get("info.area.polygon").unwrap().as_array().unwrap().len(), 2);
    }

    #[test]
    fn lists_are_replaced_added_to_and_emptied() {
        assert_eq!(assign("bulletin", &["code=a, b", "code+=c"]), Ok(json!({"code": ["a", "b", "c"]})));
        assert_eq!(assign("bulletin", &["code=a", "code="]), Ok(json!({})));
        assert_eq!(assign("bulletin", &["headline=a", "headline="]), Ok(json!({})));
    }

    #[test]
    fn blocks_are_added_in_turn_and_never_past_the_end() {
        assert_eq!(
            assign("note", &["asks[+].text=one", "asks[+].text=two", "asks[1].owner=x"]),
            Ok(json!({"asks": [{"text": "one"}, {"text": "two", "owner": "x"}]}))
        );
        let error = assign("note", &["asks[2].text=x"]).unwrap_err();
        assert!(error.contains("asks[2].text") && error.contains("[+]"), "{error}");
    }

    #[test]
    fn a_wrong_name_is_answered_with_near_ones_and_a_shared_one_with_its_homes() {
        let error = assign("bulletin", &["sevrity=Minor"]).unwrap_err();
        assert!(error.contains("did you mean severity?"), "{error}");
        let error = assign("bulletin", &["valueName=GSS"]).unwrap_err();
        assert!(error.contains("info.area.geocode.valueName"), "{error}");
        for (words, part) in [
            (["severity"], "NAME=VALUE"),
            (["info=x"], "block of fields"),
            (["headline.x=y"], "end the path"),
            (["headline[0]=y"], "leave the position out"),
            (["headline+=y"], "write = instead"),
            (["info[x].headline=y"], "in brackets"),
            (["severity=Awful"], "Extreme, Severe"),
            (["info.resource.size=big"], "whole number"),
        ] {
            let error = assign("bulletin", &words).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn one_wrong_word_leaves_the_fields_as_they_were() {
        let kind = kind::find("bulletin").unwrap();
        let mut fields = Fields::default();
        kind.assign_all(&mut fields, ["headline=a", "severity=Awful"]).unwrap_err();
        assert!(fields.is_empty());
    }
}
