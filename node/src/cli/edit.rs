//! Writes a document's fields in a person's own editor, and never loses what they wrote.

use super::client::{Answer, ClientError};
use super::failure::Failure;
use super::form;
use csu_protocol::document::Kind;
use serde_json::{Map, Value};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::Command;

/// Opens a file for a person and returns when they are done.
pub type Opener<'a> = &'a mut (dyn FnMut(&Path) -> Result<(), Failure> + Send);

/// Opens the editor that `$VISUAL` or `$EDITOR` names.
///
/// # Errors
/// When there is no terminal, or the editor fails.
pub fn open_editor(path: &Path) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to edit on", "give fields as NAME=VALUE, or a form with --file FORM.toml"));
    }
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()));
    let editor = named.unwrap_or_else(|| "nano".to_owned());
    // As git does: the variable may hold arguments, which the shell takes apart.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("the editor '{editor}' failed ({status})"), "name another one in EDITOR")),
        Err(error) => Err(Failure::new(format!("the editor '{editor}' cannot be started ({error})"), "name another one in EDITOR")),
    }
}

/// Lets a person change `fields` in an editor and hands the result to `store`, again and again until it
/// is taken or they leave it as it is. Nothing comes back if they changed nothing.
///
/// # Errors
/// When they give up, the editor fails, or the node cannot be asked; what they wrote is then kept in a
/// file that the failure names.
pub async fn edit(
    kind: &Kind,
    about: &str,
    fields: &Map<String, Value>,
    open: Opener<'_>,
    mut store: impl AsyncFnMut(Map<String, Value>) -> Result<Answer, ClientError>,
) -> Result<Option<Answer>, Failure> {
    let first = form::render(kind, about, fields);
    let mut file = tempfile::Builder::new().prefix("csu-").suffix(".toml").tempfile().map_err(|e| no_file(&e))?;
    file.write_all(first.as_bytes()).and_then(|()| file.flush()).map_err(|e| no_file(&e))?;
    let mut shown = first.clone();
    loop {
        let opened = open(file.path());
        let written = std::fs::read(file.path()).map_err(|e| no_file(&e))?;
        let written = form::without_message(&String::from_utf8_lossy(&written));
        if let Err(failure) = opened {
            return Err(if written == first { failure } else { kept(file, kind, failure) });
        }
        if written == shown {
            return if shown == first {
                Ok(None)
            } else {
                Err(kept(file, kind, Failure::new("the form was left with its error, so nothing was changed", "take it up again later")))
            };
        }
        let message = match form::parse(kind, &written) {
            Err(message) => message,
            Ok(fields) => match store(fields).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(ClientError::Refused(problem)) if matches!(problem.status(), 400 | 422) => {
                    format!(
                        "{}{}\n{}",
                        problem.field().map(|field| format!("{field}: ")).unwrap_or_default(),
                        problem.detail(),
                        problem.remedy()
                    )
                }
                Err(error) => return Err(kept(file, kind, Failure::from(error))),
            },
        };
        std::fs::write(file.path(), form::with_message(&message, &written)).map_err(|e| no_file(&e))?;
        shown = written;
    }
}

fn no_file(error: &std::io::Error) -> Failure {
    Failure::new(format!("no file for the editor can be written ({error})"), "make room in the folder for temporary files, or set TMPDIR")
}

/// Keeps what was written, and says where. What is for an annex lies there open, for this user alone: to lose it would be
/// worse, and whoever wrote it is told to delete it.
fn kept(file: tempfile::NamedTempFile, kind: &Kind, failure: Failure) -> Failure {
    // An editor may have put another file in its place, which others can read.
    if let Err(error) = for_this_user(file.path()) {
        return failure.and(&format!("what you wrote was not kept, since others could have read it ({error})"));
    }
    match file.keep() {
        Ok((_, path)) if kind.sealed.is_some() => failure.and(&format!(
            "what you wrote is in {} (use it with --file); it lies there unsealed, so delete that file as soon as you used it",
            path.display()
        )),
        Ok((_, path)) => failure.and(&format!("what you wrote is in {} (use it with --file)", path.display())),
        Err(error) => failure.and(&format!("what you wrote could not be kept ({error})")),
    }
}

/// Lets nobody but this user read a file.
fn for_this_user(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Problem;
    use csu_protocol::document::kind;
    use std::path::PathBuf;

    fn answer() -> Answer {
        Answer { body: hyper::body::Bytes::from_static(b"{}"), file_name: None }
    }

    fn guide() -> (&'static Kind, Map<String, Value>) {
        let fields = serde_json::json!({"title": "Locks"});
        (kind::find("guide").unwrap(), fields.as_object().unwrap().clone())
    }

    fn replace(path: &Path, from: &str, to: &str) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    #[tokio::test]
    async fn a_wrong_form_comes_back_with_the_error_on_top_until_it_is_right() {
        let (kind, fields) = guide();
        let mut seen = Vec::new();
        let mut open = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap();
            match seen.len() {
                0 => replace(path, "title = \"Locks\"", "title = \"Better locks\nsummary = 1"),
                1 => replace(path, "title = \"Better locks\nsummary = 1", "title = \"Better locks\"\nsummary = 1"),
                _ => replace(path, "summary = 1", "summary = \"They hold.\""),
            }
            seen.push(text);
            Ok(())
        };
        let mut stored = Vec::new();
        let outcome = edit(kind, "Guide d1", &fields, &mut open, async |fields| {
            stored.push(fields);
            Ok(answer())
        });
        assert!(outcome.await.unwrap().is_some());
        assert!(!seen[0].starts_with("#!") && seen[1].starts_with("#!") && seen[2].starts_with("#!"), "{seen:?}");
        assert!(seen[2].contains("summary") && seen[2].contains("Better locks"));
        assert_eq!(stored[0]["title"], "Better locks");
    }

    #[tokio::test]
    async fn an_untouched_form_changes_nothing_and_leaves_no_file() {
        let (kind, fields) = guide();
        let mut at = PathBuf::new();
        let mut open = |path: &Path| {
            at = path.to_owned();
            Ok(())
        };
        let outcome = edit(kind, "Guide d1", &fields, &mut open, async |_| panic!("stored")).await;
        assert!(outcome.unwrap().is_none());
        assert!(!at.exists());
    }

    #[tokio::test]
    async fn what_was_written_is_kept_when_the_node_cannot_take_it() {
        let (kind, fields) = guide();
        let mut open = |path: &Path| {
            replace(path, "Locks", "Much work");
            Ok(())
        };
        let gone = || ClientError::NotRunning { socket: PathBuf::from("/nowhere") };
        let failure = edit(kind, "Guide d1", &fields, &mut open, async |_| Err(gone())).await.unwrap_err();
        let text = failure.text();
        let path = text.split("what you wrote is in ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("Much work"));
        std::fs::remove_file(path).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_was_written_for_an_annex_is_kept_for_its_writer_alone_who_is_told_to_delete_it() {
        use std::os::unix::fs::PermissionsExt;
        let kind = kind::find("annex").unwrap();
        let fields = serde_json::json!({"text": "Nobody"}).as_object().unwrap().clone();
        let mut open = |path: &Path| {
            // As editors do that write another file and rename it.
            let text = std::fs::read_to_string(path).unwrap().replace("Nobody", "Zephyrine");
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
            Ok(())
        };
        let gone = || ClientError::NotRunning { socket: PathBuf::from("/nowhere") };
        let failure = edit(kind, "Annex d1", &fields, &mut open, async |_| Err(gone())).await.unwrap_err();
        let text = failure.text();
        let path = text.split("what you wrote is in ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        std::fs::remove_file(&path).unwrap();
        assert_eq!(mode, 0o600);
        assert!(text.contains("unsealed") && text.contains("delete that file"), "{text}");
    }

    #[tokio::test]
    async fn a_refusal_by_the_node_is_shown_in_the_form() {
        let (kind, fields) = guide();
        let mut times = 0;
        let mut open = |path: &Path| {
            times += 1;
            if times == 1 {
                replace(path, "Locks", "Bolts")
            } else {
                replace(path, "Bolts", "Chains")
            }
            Ok(())
        };
        let mut refused = false;
        let outcome = edit(kind, "Guide d1", &fields, &mut open, async |fields| {
            if fields["title"] == "Bolts" {
                refused = true;
                return Err(ClientError::Refused(Problem::invalid("title", "taken", "choose another")));
            }
            Ok(answer())
        });
        assert!(outcome.await.unwrap().is_some());
        assert!(refused);
    }
}
