//! `csu retention`: until when documents are kept, and what is due.

use super::args::RetentionVerb;
use super::client::{Client, query, segment};
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, short_time, visible};
use crate::desk::{Due, Moment, RetentionLine, RetentionList, RetentionQuery, RetentionRequest, RetentionRun, RetentionRunRequest};

/// Asks the node what the command says.
///
/// # Errors
/// When it refuses, or cannot be asked.
pub async fn retention(verb: RetentionVerb, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        RetentionVerb::List(args) => {
            let asked = RetentionQuery { before: args.before, limit: args.limit };
            output.show(&client.get(&format!("/retention{}", query(&asked))).await?, |found: RetentionList| list(&found))
        }
        RetentionVerb::Set(args) => {
            let address = format!("/documents/{}/retention", segment(&args.document.reference));
            let request = RetentionRequest {
                keep_months: args.keep_months,
                until: args.until,
                review: args.review,
                by_kind: args.by_kind,
                why: args.why,
            };
            output.show(&client.put(&address, &request).await?, |found: RetentionLine| line(&found))
        }
        RetentionVerb::Run(args) => {
            let request = RetentionRunRequest { dry_run: args.dry_run };
            output.show(&client.post("/retention/runs", &request).await?, |found: RetentionRun| run(&found))
        }
    }
}

const fn due(due: Due) -> &'static str {
    match due {
        Due::Nothing => "",
        Due::Review => "to review",
        Due::Erasure => "to erase",
        Due::ErasureByOwner => "to erase, by its owner",
    }
}

fn date(moment: Option<Moment>) -> String {
    moment.map(short_time).unwrap_or_default()
}

fn document(line: &RetentionLine) -> String {
    format!("{} {} \"{}\"", line.reference, line.kind, line.title)
}

fn list(list: &RetentionList) -> String {
    if list.items.is_empty() {
        return "Nothing is due. See what comes with `csu retention list --before DATE`.\n".to_owned();
    }
    let mut rows = vec![["DUE", "DOCUMENT", "REVIEW", "END", "OWNER", "WHY"].map(str::to_owned).to_vec()];
    for line in &list.items {
        rows.push(vec![
            due(line.due).to_owned(),
            document(line),
            date(line.review),
            date(line.ends),
            line.owner.to_string(),
            if line.own { line.why.clone().unwrap_or_default() } else { format!("as every {}", line.kind) },
        ]);
    }
    let more = if list.more > 0 { format!("\nAnd {} more: see them with --limit.\n", list.more) } else { String::new() };
    columns(&rows) + &more
}

fn line(line: &RetentionLine) -> String {
    let never = |moment: Option<Moment>| moment.map_or_else(|| "never".to_owned(), short_time);
    let mut rows = vec![
        vec!["Document".into(), document(line)],
        vec!["Review".into(), never(line.review)],
        vec!["Erased".into(), never(line.ends)],
        vec!["Dates".into(), if line.own { "its own".to_owned() } else { format!("those of every {}", line.kind) }],
    ];
    rows.extend(line.why.iter().map(|why| vec!["Why".into(), why.clone()]));
    rows.push(vec!["Owner".into(), format!("{}, who alone can erase it everywhere", line.owner)]);
    columns(&rows)
}

fn run(run: &RetentionRun) -> String {
    if run.items.is_empty() {
        return "Nothing is due, and nothing was done.\n".to_owned();
    }
    let mut text = String::new();
    for act in &run.items {
        text.push_str(&format!("{}\n  {}\n", visible(&document(&act.line)), visible(&act.outcome)));
    }
    let erased = run.items.iter().filter(|act| act.erased).count();
    text.push_str(&if run.dry_run {
        "\nThis was only tried: nothing was erased.\n".to_owned()
    } else {
        format!("\n{erased} of {} erased.\n", run.items.len())
    });
    if run.more > 0 {
        text.push_str(&format!("{} more are due: run it again once these are done.\n", run.more));
    }
    text
}
