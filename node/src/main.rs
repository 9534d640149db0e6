//! The `csu` command. What it does is in [`csu_node::cli`].

use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    // Whatever is written from here on (database, socket, exports) is for this user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let wanted = std::env::var("CSU_LOG").ok().filter(|wanted| !wanted.is_empty()).unwrap_or_else(|| "warn,csu_node=info".to_owned());
    let filter = wanted.parse::<Targets>().unwrap_or_else(|error| {
        eprintln!("CSU_LOG cannot be used ({error}): write it as info or csu_node=debug; going on with warnings only");
        Targets::new().with_default(tracing::Level::WARN)
    });
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    tracing_subscriber::registry().with(lines).with(filter).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the system gives no threads ({error})\nwhat to do: end other programs and try again");
            return ExitCode::FAILURE;
        }
    };
    // Variables that are not UTF-8 are none of ours.
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    runtime.block_on(csu_node::cli::run(std::env::args_os(), variables))
}
