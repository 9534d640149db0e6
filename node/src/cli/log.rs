//! `csu log`: what the node did, as a list or a table, and whether somebody changed it since.

use super::args::{LogArgs, LogCommand, VerifyArgs};
use super::client::{Client, ClientError, query};
use super::failure::Failure;
use super::output::Output;
use super::{screen, words};
use crate::config::Config;
use crate::desk::{KeptHead, LogBreak, LogCheck, LogCheckQuery, LogFormat, LogHead, LogLine, LogQuery};
use crate::storage;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What to do about a log that does not go on from a head that was kept.
const CUT_OFF: &str = "check that the head is one of this node; if it is, copy the whole data folder away as evidence before anything \
    else, find out who could write to it, and compare with the tables that were kept elsewhere";

/// Does with the log what the command says.
///
/// # Errors
/// When the node refuses or cannot be asked, a file cannot be written, or the log is not whole.
pub async fn log(args: LogArgs, config: &Config, client: &Client, output: Output) -> Result<(), Failure> {
    match args.command {
        Some(LogCommand::Head) => output.show(&client.get("/log/head").await?, |found: LogHead| head(&found)),
        Some(LogCommand::Verify(args)) => verify(args, config, client, output).await,
        None => {
            let asked = LogQuery {
                document: args.document,
                verb: args.verb,
                who: args.who,
                since: args.since,
                until: args.until,
                before: None,
                limit: args.limit,
                format: args.csv.is_some().then_some(LogFormat::Csv),
            };
            match args.csv {
                Some(_) if output == Output::Json => Err(Failure::usage("a table is no JSON", "leave out --csv or --json")),
                Some(file) => table(&asked, file.as_deref(), client).await,
                None if args.limit.is_some_and(|limit| limit > LogQuery::MAX_LIMIT) => Err(Failure::usage(
                    format!("a list has at most {} lines", LogQuery::MAX_LIMIT),
                    "narrow it with --since and --until, or write a table with --csv FILE",
                )),
                None => output.show(&client.get(&format!("/log{}", query(&asked))).await?, |found: Vec<LogLine>| words::log(&found)),
            }
        }
    }
}

fn head(head: &LogHead) -> String {
    format!(
        "{head}\n\nThis stands for {} lines of the access log. Write it down, or send it to somebody outside this house;\n\
         `csu log verify --head {head}` shows later that none of them was changed or is gone.\n",
        head.lines
    )
}

/// Writes a table to a new file that only its owner reads, or to the standard output.
async fn table(asked: &LogQuery, file: Option<&Path>, client: &Client) -> Result<(), Failure> {
    let address = format!("/log{}", query(asked));
    let Some(path) = file else { return Ok(print_table(&address, client).await?) };
    let unwritten = |error: std::io::Error| {
        let what = format!("{} cannot be written ({error})", path.display());
        Failure::new(what, "name a new file with --csv; an existing file is never replaced")
    };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unwritten)?;
    let written = match client.download(&address, &mut |bytes| out.write_all(bytes)).await {
        Ok(()) => out.sync_all().map_err(unwritten),
        Err(error) => Err(error.into()),
    };
    if written.is_err() {
        // Half a table must not pass for a whole one. The first error is the one to report.
        fs::remove_file(path).ok();
    }
    written
}

async fn print_table(address: &str, client: &Client) -> Result<(), ClientError> {
    let mut out = std::io::stdout();
    if !out.is_terminal() {
        client.download(address, &mut |bytes| out.write_all(bytes)).await?;
        // That nobody reads on is no failure.
        out.flush().ok();
        return Ok(());
    }
    // On a terminal line by line, so that no character of it acts there.
    let mut rest: Vec<u8> = Vec::new();
    client
        .download(address, &mut |bytes| {
            rest.extend_from_slice(bytes);
            let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
            let lines: Vec<u8> = rest.drain(..whole).collect();
            let text = String::from_utf8_lossy(&lines).replace("\r\n", "\n");
            if !text.is_empty() {
                screen::print(&screen::visible_lines(text.trim_end_matches('\n'), ""));
            }
            Ok(())
        })
        .await
}

/// The verdict as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict<'a> {
    whole: bool,
    head: LogHead,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'a LogBreak>,
    /// The line that the given head is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_at: Option<u64>,
}

/// Walks along the whole chain: by asking the node part by part, or in its database if it does not run.
async fn verify(args: VerifyArgs, config: &Config, client: &Client, output: Output) -> Result<(), Failure> {
    let sought = args.head.map(|head| head.hash);
    let mut after = None;
    let mut kept_at = None;
    let found = loop {
        let asked = LogCheckQuery { after, limit: None, sought };
        let part = match client.get(&format!("/log/check{}", query(&asked))).await {
            Ok(answer) => answer.read::<LogCheck>()?,
            Err(ClientError::NotRunning { .. }) if after.is_none() => walk_beside(config, &args)?,
            Err(error) => return Err(error.into()),
        };
        kept_at = kept_at.or(part.sought);
        if !part.more || part.broken.is_some() {
            break LogCheck { sought: kept_at, ..part };
        }
        progress(part.to, part.head.lines);
        after = Some(part.to);
    };
    let judged = judge(&found, args.head.as_ref());
    match output {
        Output::Json => {
            let verdict = Verdict { whole: judged.is_ok(), head: found.head, broken: found.broken.as_ref(), kept_at: found.sought };
            screen::print(&screen::visible_json(&format!("{:#}\n", serde_json::json!(verdict))));
            judged.map(drop)
        }
        Output::Words => judged.map(|text| screen::print(&text)),
    }
}

fn walk_beside(config: &Config, args: &VerifyArgs) -> Result<LogCheck, Failure> {
    let sought = args.head.map(|head| head.hash);
    let found = storage::check_log_now(&config.data, sought.as_ref(), &mut progress).map_err(|error| Failure::of(&error))?;
    let (head, walk) = found.ok_or_else(|| {
        Failure::new("an older version wrote the database, and its log has no chain yet", "start the node once with `csu up`: it makes one")
    })?;
    Ok(LogCheck::of(head, walk))
}

/// Says how far a long walk is, to a person who waits.
fn progress(done: u64, lines: u64) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() {
        // Nobody misses it if it cannot be written.
        write!(out, "\rchecked {done} of {lines} lines").and_then(|()| out.flush()).ok();
        if done >= lines {
            writeln!(out).ok();
        }
    }
}

/// What a walk along the whole chain means, beside a head that was kept.
fn judge(found: &LogCheck, kept: Option<&KeptHead>) -> Result<String, Failure> {
    if let Some(broken) = &found.broken {
        let kept = found.sought.map(|line| format!("the given head is that of line {line}: up to there all is as it was then"));
        let failure = Failure::new(broken.to_string(), LogBreak::REMEDY);
        return Err(kept.iter().fold(failure, |failure, kept| failure.and(kept)));
    }
    let whole = format!("The access log is whole: {} lines checked, newest {}\n", found.to, found.head);
    let Some(kept) = kept else {
        return Ok(format!(
            "{whole}Whoever can write to the disk could have made all of it anew. Give a head that was kept elsewhere with --head.\n"
        ));
    };
    match (found.sought, kept.lines) {
        (Some(line), Some(lines)) if line != lines => Err(Failure::new(
            format!("the given hash is that of line {line}, and not of line {lines}"),
            "compare the head with what was written down",
        )),
        (Some(line), _) => {
            Ok(format!("{whole}It goes on from the given head, that of line {line}: up to there no line is gone or was changed.\n"))
        }
        // An empty log has no line, and every log goes on from it.
        (None, Some(0)) if kept.hash.as_bytes() == &[0; 32] => Ok(whole),
        (None, Some(lines)) if lines > found.to => {
            let what = format!("the log ends at line {}, and the given head is that of line {lines}: its end was cut off", found.to);
            Err(Failure::new(what, CUT_OFF))
        }
        (None, _) => {
            Err(Failure::new("no line of the log has the hash of the given head: it was made anew since, or is another node's", CUT_OFF))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake;
    use csu_protocol::id::Hash;

    #[test]
    fn a_kept_head_tells_a_log_that_was_cut_off_or_made_anew() {
        let found = |sought| LogCheck { to: 2, more: false, broken: None, sought, head: fake::log_head() };
        let kept = |lines| KeptHead { lines, hash: Hash::new([7; 32]) };
        assert!(judge(&found(None), None).unwrap().contains("--head"));
        assert!(judge(&found(Some(1)), Some(&kept(Some(1)))).unwrap().contains("line 1"));
        assert!(judge(&found(Some(1)), Some(&kept(None))).unwrap().contains("line 1"));
        judge(&found(None), Some(&KeptHead { lines: Some(0), hash: Hash::new([0; 32]) })).unwrap();
        for (sought, lines, said) in
            [(Some(1), Some(2), "not of line 2"), (None, Some(3), "cut off"), (None, Some(2), "made anew"), (None, None, "made anew")]
        {
            let failure = judge(&found(sought), Some(&kept(lines))).unwrap_err().text();
            assert!(failure.contains(said), "{failure}");
        }
        let broken = LogBreak { line: 2, at: Some(fake::moment()), what: "line 2 is missing".to_owned() };
        let failure = judge(&LogCheck { broken: Some(broken), ..found(Some(1)) }, Some(&kept(None))).unwrap_err().text();
        for part in ["broken at line 2 (2026-", "evidence", "line 1: up to there"] {
            assert!(failure.contains(part), "{failure}");
        }
    }
}
