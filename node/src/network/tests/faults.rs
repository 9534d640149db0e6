//! Peers and machines that misbehave.

use super::*;

#[tokio::test]
async fn an_oversized_frame_ends_the_session_with_a_reason_and_the_sender_lives_on() {
    let mut small = config(1, TCP);
    small.limits.frame_bytes = 1000;
    let (mut a, at_a, mut b, at_b) = pair_of(small, config(2, TCP)).await;
    assert_eq!(a.send(&b, at_a, &[0; 1001]), Err(SendError::TooLarge { found: 1001, limit: 1000 }));
    b.send(&a, at_b, &[0; 1000]).unwrap();
    assert_eq!(a.frame().await.len(), 1000);

    b.send(&a, at_b, &[0; 1001]).unwrap();
    assert_eq!(a.disconnected().await, EndReason::FrameTooLarge { limit: 1000 });
    b.disconnected().await;
    // Both are fine, and after a while connected again.
    let at_b = b.connected().await;
    a.connected().await;
    b.send(&a, at_b, b"small").unwrap();
    assert_eq!(a.frame().await, b"small");
}

#[tokio::test]
async fn a_silent_peer_is_disconnected_and_heartbeats_break_the_silence() {
    let mut impatient = config(1, TCP);
    impatient.timing.silence = Duration::from_millis(600);
    let mut beating = config(2, TCP);
    beating.timing.heartbeat = Duration::from_millis(100);
    let (mut a, _, b, _) = pair_of(impatient.clone(), beating.clone()).await;
    let events = a.events_within(Duration::from_millis(1500)).await;
    assert!(events.is_empty(), "heartbeats are no events and keep the session: {events:?}");
    tokio::join!(a.network.shutdown(), b.network.shutdown());

    beating.timing.heartbeat = Duration::from_secs(3600);
    let (mut a, _, _b, _) = pair_of(impatient, beating).await;
    assert_eq!(a.disconnected().await, EndReason::Silent { silence_ms: 600 });
    a.connected().await;
}

#[tokio::test]
async fn a_driver_that_does_not_drain_its_events_still_sends_heartbeats() {
    let mut impatient = config(1, TCP);
    impatient.timing.silence = Duration::from_millis(600);
    let mut busy = config(2, TCP);
    busy.timing.heartbeat = Duration::from_millis(100);
    busy.limits.events = 1;
    let (mut a, at_a, b, at_b) = pair_of(impatient, busy).await;
    for _ in 0..10 {
        a.send(&b, at_a, b"unread").unwrap();
    }
    // By now the events of `b` are full, and there is no room for its `Sent`.
    tokio::time::sleep(Duration::from_millis(200)).await;
    b.send(&a, at_b, b"read").unwrap();
    let events = a.events_within(Duration::from_millis(1500)).await;
    let fine = |event: &Event| matches!(event, Event::Sent { .. } | Event::Frame { .. });
    assert!(events.iter().all(fine), "{events:?}");
}

#[tokio::test]
async fn a_peer_that_does_not_read_fills_a_bounded_queue_and_starves_nobody() {
    let mut sender = config(1, TCP);
    sender.limits = Limits { frame_bytes: 64 * 1024, queued_frames: 8, queued_bytes: 256 * 1024, ..sender.limits };
    let mut deaf = config(2, TCP);
    deaf.limits = Limits { frame_bytes: 64 * 1024, events: 1, ..deaf.limits };
    let (mut a, at_a, b, _) = pair_of(sender, deaf).await;
    let mut c = Node::start(config(3, TCP)).await;
    c.pair(&[(&a, true)]);
    a.pair(&[(&b, true), (&c, false)]);
    let a_to_c = a.connected().await;
    c.connected().await;

    // What the transport buffers (yamux windows grow to some megabytes) passes; then it is full.
    let mut taken: usize = 0;
    let mut full_for = 0;
    while full_for < 20 {
        match a.send(&b, at_a, &[0; 64 * 1024]) {
            Ok(()) => (taken, full_for) = (taken + 1, 0),
            Err(SendError::Full { frames, limit_frames: 8, .. }) => {
                assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [64 * 1024]);
                full_for += 1;
                a.events_within(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(taken < 1024, "64 MiB were taken for a peer that reads nothing");
    }
    a.send(&c, a_to_c, b"still here").unwrap();
    assert_eq!(c.frame().await, b"still here");
}

#[tokio::test]
async fn what_a_slow_driver_left_unread_arrives_in_order_when_it_reads_on() {
    let mut slow = config(2, QUIC);
    slow.limits.events = 1;
    let (a, at_a, mut b, _) = pair_of(config(1, QUIC), slow).await;
    for number in 0..30 {
        a.send(&b, at_a, &[number]).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for number in 0..30 {
        assert_eq!(b.frame().await, [number]);
    }
}

#[tokio::test]
async fn an_occupied_port_is_a_clear_error() {
    for listen in [TCP, QUIC] {
        let first = Node::start(config(1, listen)).await;
        let address = first.network.listening()[0].clone();
        let error = start(config(2, &address)).await.unwrap_err();
        assert!(matches!(&error, NetworkError::Occupied { address: named } if *named == address), "{error}");
        assert!(error.to_string().contains("another program has that port"));
        // After a shutdown the port is free.
        first.network.shutdown().await;
        Node::start(config(2, &address)).await;
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_listened_on_is_a_clear_error() {
    for (address, wanted) in [
        ("127.0.0.1:4470", "no multiaddr"),
        ("/dns/localhost/tcp/0", "needs an IP address"),
        ("/ip4/127.0.0.1/udp/0", "quic-v1"),
        ("/ip4/192.0.2.7/tcp/0", "of this machine"),
        ("/ip4/192.0.2.7/udp/0/quic-v1", "of this machine"),
    ] {
        let error = start(config(1, address)).await.unwrap_err().to_string();
        assert!(error.contains(address) && error.contains(wanted), "{error}");
    }
}

/// Runs a node in a runtime of its own, which can be torn down without a word to its peers.
fn crashing_node(config: Config, peer: Target) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(async move {
        let (network, mut events) = start(config).await.unwrap();
        network.set_peers(vec![peer]);
        while events.recv().await.is_some() {}
    });
    runtime
}

/// A crash of one of two; `crashing_opens` tells which, as the smaller device opens sessions.
async fn a_restart_after_a_crash_takes_the_session_over(crashing: u8, staying: u8) {
    let mut patient = config(staying, QUIC);
    patient.timing.handshake = Duration::from_millis(300);
    patient.timing.silence = Duration::from_secs(3600);
    let mut a = Node::start(patient).await;
    let target = Target { device: a.device(), addresses: a.network.listening().to_vec() };
    a.network.set_peers(vec![Target { device: device(crashing), addresses: Vec::new() }]);

    let first_life = crashing_node(config(crashing, QUIC), target.clone());
    let first = a.connected().await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    first_life.shutdown_background();

    // Well before QUIC would notice by itself that the old connection is dead.
    let soon = tokio::time::Instant::now() + Duration::from_secs(7);
    let second_life = crashing_node(config(crashing, QUIC), target);
    let (mut ended, mut again) = (None, None);
    while again.is_none() {
        match a.next().await {
            Event::Disconnected { session, .. } => ended = Some(session),
            Event::Connected { session, .. } => {
                assert_eq!(ended, Some(first), "the end comes before the new beginning");
                again = Some(session);
            }
            _ => {}
        }
    }
    assert!(again > Some(first));
    assert!(tokio::time::Instant::now() < soon);
    second_life.shutdown_background();
}

#[tokio::test]
async fn the_opener_that_crashed_and_came_back_has_one_session_again() {
    let (opener, accepter) = opener_and_accepter();
    a_restart_after_a_crash_takes_the_session_over(opener, accepter).await;
}

#[tokio::test]
async fn the_accepter_that_crashed_and_came_back_has_one_session_again() {
    let (opener, accepter) = opener_and_accepter();
    a_restart_after_a_crash_takes_the_session_over(accepter, opener).await;
}

#[tokio::test]
async fn dropping_the_last_handle_or_the_events_stops_the_network() {
    let Node { network, mut events } = Node::start(config(1, TCP)).await;
    drop(network);
    timeout(PATIENCE, async { while events.recv().await.is_some() {} }).await.unwrap();

    let Node { network, events } = Node::start(config(1, TCP)).await;
    drop(events);
    timeout(PATIENCE, network.shared().stopped.cancelled()).await.unwrap();
    timeout(PATIENCE, network.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_driver_that_drains_nothing() {
    let mut deaf = config(2, TCP);
    deaf.limits.events = 1;
    let (a, at_a, b, _) = pair_of(config(1, TCP), deaf).await;
    for _ in 0..10 {
        a.send(&b, at_a, b"unread").unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    timeout(Duration::from_secs(10), b.network.shutdown()).await.unwrap();
}
