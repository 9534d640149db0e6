//! When a restored node may believe that it has all that a neighbour holds.

use super::*;

impl Net {
    /// As `connect`, but something happens once so many steps of comparing sets were delivered.
    fn connect_and_after_steps(&mut self, (a, b): (usize, usize), steps: usize, happen: impl FnOnce(&mut Self)) {
        self.links.push((a, b));
        let (one, other) = (self.nodes[a].key.device(), self.nodes[b].key.device());
        self.nodes[a].handle(self.now, Input::Connected(other));
        self.nodes[b].handle(self.now, Input::Connected(one));
        let mut left = steps;
        while left > 0 {
            for from in [a, b] {
                let node = &mut self.nodes[from];
                while let Some(output) = node.machine.poll_output(self.now, &node.store).unwrap() {
                    match output {
                        Output::Write(write) => node.store.apply(write),
                        Output::Send(device, frame) => self.wires.push_back((from, if device == one { a } else { b }, frame)),
                        Output::Notice(notice) => node.notices.push(notice),
                        Output::Disconnect(..) | Output::Targets => {}
                    }
                }
            }
            let Some((from, to, frame)) = self.wires.pop_front() else {
                assert!(self.wake(), "there are fewer steps");
                continue;
            };
            left -= usize::from(matches!(Message::receive(&frame).unwrap(), Message::Reconcile(_)));
            self.take(from, to, &frame);
        }
        happen(self);
        self.run();
    }
}

#[test]
fn a_word_that_comes_while_silent_documents_are_compared_hides_no_work_from_a_restored_node() {
    for (seed, steps) in seeds_on_both_sides_of(1).into_iter().flat_map(|seed| (1..=4).map(move |steps| (seed, steps))) {
        let mut net = Net::new(2);
        net.pair(0, 1);
        let reader = net.nodes[0].organisation();
        let document = net.nodes[1].begin(&[reader]);
        net.run();
        let backup = net.nodes[1].store.clone();
        let honest = net.nodes[1].revise(document, b"after the backup");
        net.run();
        net.disconnect(0, 1);
        let new = net.restore_from(1, seed, 7, backup);
        // Somebody at the neighbour comments: what comes live builds on what the restored node lacks.
        net.connect_and_after_steps((0, new), steps, |net| net.nodes[0].respond(document));
        let case = format!("seed {seed}, after {steps} steps: {:?}", net.faults());
        let in_sync = net.nodes[new].notices.iter().filter(|notice| **notice == Notice::InSync(reader)).count();
        assert!(in_sync >= 1, "{case}");
        let holding = net.nodes[new].machine.document(&document).unwrap();
        assert!(holding.is_reconciled() && net.nodes[new].access(&document).contains(&honest), "{case}");
        net.nodes[new].disown(2);
        net.run();
        for at in [0, new] {
            assert!(net.nodes[at].access(&document).is_authorised(&honest), "{case}");
        }
        assert!(net.is_synced(0, new), "{case}");
    }
}

#[test]
fn a_node_is_not_told_to_be_up_to_date_by_a_round_that_left_something_out() {
    for seed in seeds_on_both_sides_of(1) {
        let mut net = Net::new(2);
        net.pair(0, 1);
        let reader = net.nodes[0].organisation();
        net.nodes[1].begin(&[reader]);
        net.run();
        let new = net.restore(1, seed, 7);
        net.disconnect(0, 1);
        let other = net.nodes[0].key.device();
        net.connect_and_after_steps((0, new), 1, |net| {
            let session = net.nodes[new].machine.sessions.get_mut(&other).unwrap();
            session.lost = true;
            assert_eq!(net.nodes[new].machine.unreconciled().count(), 1);
        });
        // The round that lost something ended, and another was compared.
        let node = &net.nodes[new];
        let at = |wanted: fn(&Notice) -> bool| node.notices.iter().position(wanted);
        let reconciled = at(|notice| matches!(notice, Notice::Reconciled(_))).unwrap();
        let in_sync = at(|notice| matches!(notice, Notice::InSync(_))).unwrap();
        assert!(reconciled < in_sync && net.is_synced(0, new), "{seed}: {:?}", net.faults());
    }
}
