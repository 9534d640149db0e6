//! Signs of life of work whose progress cannot be measured: on one line of a terminal, wiped at the end.

use super::output::Output;
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the line is drawn. What takes no longer shows nothing.
const DRAWN_EVERY: Duration = Duration::from_millis(500);

/// Does some work, and says meanwhile what it is and for how long it has taken. Nothing where nobody looks.
pub(super) fn wait_for<T: Send>(what: &str, output: Output, work: impl FnOnce() -> T + Send) -> T {
    if output != Output::Words || !std::io::stderr().is_terminal() {
        return work();
    }
    let mut drawn = false;
    let done = wait(DRAWN_EVERY, work, &mut |passed| {
        drawn = true;
        eprint!("\r\u{1b}[K{what}: {} s", passed.as_secs());
    });
    if drawn {
        eprint!("\r\u{1b}[K");
    }
    done
}

/// Does some work on another thread, and draws whenever so much time has passed.
fn wait<T: Send>(every: Duration, work: impl FnOnce() -> T + Send, draw: &mut dyn FnMut(Duration)) -> T {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (working, is_working) = channel::<()>();
        let worker = scope.spawn(move || {
            let done = work();
            drop(working);
            done
        });
        while is_working.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            draw(began.elapsed());
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_work_takes_long_it_is_drawn_again_and_again_and_short_work_is_not() {
        let mut drawn = Vec::new();
        let work = || {
            std::thread::sleep(Duration::from_millis(100));
            "done"
        };
        assert_eq!(wait(Duration::from_millis(10), work, &mut |passed| drawn.push(passed)), "done");
        assert!(drawn.len() >= 3 && drawn.is_sorted() && drawn[0] >= Duration::from_millis(10), "{drawn:?}");
        assert_eq!(wait(Duration::from_secs(60), || 7, &mut |_| panic!("nothing is to be drawn")), 7);
    }

    #[test]
    #[should_panic(expected = "as it was said")]
    fn what_the_work_panics_with_is_what_is_heard() {
        wait(Duration::from_millis(10), || panic!("as it was said"), &mut |_| {});
    }
}
