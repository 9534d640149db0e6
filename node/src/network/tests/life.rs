//! Connecting, exchanging frames, admission, redialling.

use super::*;

async fn frames_pass_both_ways_over(listen: &str, seeds: (u8, u8)) {
    let (mut a, at_a, mut b, at_b) = pair_of(config(seeds.0, listen), config(seeds.1, listen)).await;
    a.send(&b, at_a, b"from a").unwrap();
    b.send(&a, at_b, b"from b").unwrap();
    assert_eq!(b.frame().await, b"from a");
    assert_eq!(a.frame().await, b"from b");

    // Many frames keep their order, a large one passes whole, and all are told as sent.
    let large = vec![7; 4 * 1024 * 1024];
    a.send(&b, at_a, &large).unwrap();
    for number in 0..20 {
        a.send(&b, at_a, &[number]).unwrap();
    }
    assert_eq!(b.frame().await, large);
    for number in 0..20 {
        assert_eq!(b.frame().await, [number]);
    }
    let mut sent = 0;
    while sent < 21 {
        sent += a
            .until(|event| match event {
                Event::Sent { frames, .. } => Some(*frames),
                _ => None,
            })
            .await;
    }
    a.network.shutdown().await;
    assert_eq!(b.disconnected().await, EndReason::ClosedByPeer);
    b.network.shutdown().await;
}

#[tokio::test]
async fn two_nodes_exchange_frames_over_tcp_whoever_dials() {
    frames_pass_both_ways_over(TCP, (1, 2)).await;
    frames_pass_both_ways_over(TCP, (2, 1)).await;
}

#[tokio::test]
async fn two_nodes_exchange_frames_over_quic_whoever_dials() {
    frames_pass_both_ways_over(QUIC, (1, 2)).await;
    frames_pass_both_ways_over(QUIC, (2, 1)).await;
}

#[tokio::test]
async fn the_real_addresses_are_told() {
    let both = Config { listen: vec![TCP.to_owned(), QUIC.to_owned()], ..config(1, TCP) };
    let mut node = Node::start(both).await;
    let listening = node.network.listening().to_vec();
    assert_eq!(listening.len(), 2);
    for address in &listening {
        assert!(DialAddress::parse(&device(1), address).is_ok(), "{address}");
    }
    for address in listening {
        assert_eq!(node.next().await, Event::Listening { address });
    }
}

#[tokio::test]
async fn a_dialled_address_that_worked_is_told_to_the_dialler() {
    let mut a = Node::start(config(1, TCP)).await;
    let mut b = Node::start(config(2, TCP)).await;
    b.pair(&[(&a, false)]);
    a.pair(&[(&b, true)]);
    let connected = |event: &Event| match event {
        Event::Connected { address, direction, .. } => Some((address.clone(), *direction)),
        _ => None,
    };
    assert_eq!(a.until(connected).await, (b.network.listening()[0].clone(), Direction::Dialled));
    assert_eq!(b.until(connected).await.1, Direction::Accepted);
}

#[tokio::test]
async fn a_device_that_is_not_paired_is_refused_and_learns_why() {
    for listen in [TCP, QUIC] {
        let mut a = Node::start(config(1, listen)).await;
        let mut b = Node::start(config(2, listen)).await;
        a.pair(&[(&b, true)]);
        assert_eq!(a.dial_failure().await, DialFailure::NotLetIn);
        let refused = b
            .until(|event| match event {
                Event::Refused { device, .. } => Some(*device),
                Event::Connected { .. } => panic!("an unpaired device got in"),
                _ => None,
            })
            .await;
        assert_eq!(refused, Some(a.device()));
        // It is dialled again and again, and each refusal is not told again and again.
        let events = b.events_within(Duration::from_millis(900)).await;
        assert!(events.is_empty(), "{events:?}");
        // Once it is paired, the next dial succeeds.
        b.pair(&[(&a, false)]);
        b.connected().await;
        a.connected().await;
    }
}

#[tokio::test]
async fn a_stranger_with_a_ticket_gets_in_while_invitations_are_open_and_no_longer() {
    let mut host = Node::start(config(1, TCP)).await;
    let mut guest = Node::start(config(2, TCP)).await;
    let addresses = host.network.listening().to_vec();
    guest.network.dial_ticket(&host.device(), &addresses).unwrap();
    assert_eq!(guest.dial_failure().await, DialFailure::NotLetIn);

    host.network.set_strangers(Strangers::Admitted);
    let at_guest = guest.connected().await;
    host.connected().await;
    guest.send(&host, at_guest, b"hello").unwrap();
    assert_eq!(host.frame().await, b"hello");

    host.network.set_strangers(Strangers::Refused);
    assert_eq!(host.disconnected().await, EndReason::NotAdmitted);
    guest.disconnected().await;
    assert_eq!(guest.dial_failure().await, DialFailure::NotLetIn);

    // The guest's own side forgets the ticket when pairing is over.
    guest.network.disconnect(&host.device(), Cause::Finished);
    guest.events_within(Duration::from_millis(200)).await;
    let later = guest.events_within(Duration::from_millis(900)).await;
    assert!(later.is_empty(), "{later:?}");
}

#[tokio::test]
async fn strangers_are_no_more_than_the_cap() {
    let mut host_config = config(1, TCP);
    host_config.limits.strangers = 1;
    let mut host = Node::start(host_config).await;
    host.network.set_strangers(Strangers::Admitted);
    let addresses = host.network.listening().to_vec();
    let mut first = Node::start(config(2, TCP)).await;
    first.network.dial_ticket(&host.device(), &addresses).unwrap();
    first.connected().await;
    host.connected().await;
    let mut second = Node::start(config(3, TCP)).await;
    second.network.dial_ticket(&host.device(), &addresses).unwrap();
    assert_eq!(second.dial_failure().await, DialFailure::NotLetIn);
    // A paired device is no stranger.
    host.pair(&[(&second, false)]);
    second.connected().await;
}

#[tokio::test]
async fn a_useless_ticket_is_refused_at_once() {
    let node = Node::start(config(1, TCP)).await;
    let own = node.network.dial_ticket(&node.device(), &[TCP.to_owned()]);
    assert_eq!(own, Err(TicketError::OwnTicket));
    let nowhere = node.network.dial_ticket(&device(2), &[TCP.to_owned(), "/memory/1".to_owned()]);
    assert_eq!(nowhere, Err(TicketError::NoUsableAddress { found: 2 }));
}

#[tokio::test]
async fn two_that_dial_each_other_at_once_have_exactly_one_session() {
    for round in 0..6 {
        let listen = if round % 2 == 0 { TCP } else { QUIC };
        let mut a = Node::start(config(1, listen)).await;
        let mut b = Node::start(config(2, listen)).await;
        a.pair(&[(&b, true)]);
        b.pair(&[(&a, true)]);
        let at_a = a.connected().await;
        let at_b = b.connected().await;
        // Whichever connections there are, nothing more happens.
        let (more_a, more_b) = tokio::join!(a.events_within(Duration::from_millis(300)), b.events_within(Duration::from_millis(300)));
        assert!(more_a.is_empty() && more_b.is_empty(), "round {round}: {more_a:?} {more_b:?}");
        a.send(&b, at_a, b"ping").unwrap();
        b.send(&a, at_b, b"pong").unwrap();
        assert_eq!(b.frame().await, b"ping");
        assert_eq!(a.frame().await, b"pong");
        tokio::join!(a.network.shutdown(), b.network.shutdown());
    }
}

#[tokio::test]
async fn a_peer_that_restarts_on_the_same_port_is_dialled_again() {
    for listen in [TCP, QUIC] {
        let (mut a, _, b, _) = pair_of(config(1, listen), config(2, listen)).await;
        let address = b.network.listening()[0].clone();
        b.network.shutdown().await;
        drop(b);
        assert_eq!(a.disconnected().await, EndReason::ClosedByPeer);
        let failure = a.dial_failure().await;
        assert!(matches!(failure, DialFailure::Unreachable { tried: 1, .. }), "{failure}");

        let mut again = Node::start(config(2, &address)).await;
        again.pair(&[(&a, false)]);
        let at_a = a.connected().await;
        again.connected().await;
        a.send(&again, at_a, b"back").unwrap();
        assert_eq!(again.frame().await, b"back");
    }
}

#[tokio::test]
async fn a_peer_that_is_removed_is_disconnected_and_stays_out() {
    let (mut a, _, mut b, at_b) = pair_of(config(1, TCP), config(2, TCP)).await;
    b.pair(&[]);
    assert_eq!(b.disconnected().await, EndReason::NotAdmitted);
    assert_eq!(b.send(&a, at_b, b"late"), Err(SendError::NotConnected));
    a.disconnected().await;
    assert_eq!(a.dial_failure().await, DialFailure::NotLetIn);
}

#[tokio::test]
async fn another_device_at_the_address_is_told_from_the_right_one() {
    let mut a = Node::start(config(1, TCP)).await;
    let b = Node::start(config(2, TCP)).await;
    b.pair(&[(&a, false)]);
    a.network.set_peers(vec![Target { device: device(3), addresses: b.network.listening().to_vec() }]);
    let DialFailure::WrongDevice { found, .. } = a.dial_failure().await else { panic!("another failure") };
    assert_eq!(found, Some(b.device()));
}

#[tokio::test]
async fn the_driver_can_end_a_session_and_a_peer_that_misbehaved_stays_out_for_a_while() {
    let (mut a, _, mut b, _) = pair_of(config(1, TCP), config(2, TCP)).await;
    b.network.disconnect(&a.device(), Cause::Misbehaved);
    assert_eq!(b.disconnected().await, EndReason::Ended(Cause::Misbehaved));
    a.disconnected().await;
    assert_eq!(a.dial_failure().await, DialFailure::NotLetIn);
    // After `redial_max` it may return.
    a.connected().await;
    b.network.disconnect(&a.device(), Cause::Finished);
    assert_eq!(b.disconnected().await, EndReason::Ended(Cause::Finished));
    a.connected().await;
}

#[tokio::test]
async fn a_peer_put_off_is_left_alone_even_after_a_long_session() {
    let mut dialler = config(1, TCP);
    dialler.timing.handshake = Duration::from_millis(100);
    dialler.timing.redial_max = Duration::from_secs(60);
    let (mut a, _, b, _) = pair_of(dialler, config(2, TCP)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sessions: &dyn Sessions = &a.network;
    sessions.disconnect(&b.device(), Cause::Busy);
    assert_eq!(a.disconnected().await, EndReason::Ended(Cause::Busy));
    let events = a.events_within(Duration::from_millis(800)).await;
    assert!(events.is_empty(), "{events:?}");
}

#[tokio::test]
async fn what_was_queued_before_a_session_ended_in_good_order_arrives() {
    for (listen, seeds) in [(TCP, (1, 2)), (TCP, (2, 1)), (QUIC, (1, 2)), (QUIC, (2, 1))] {
        let (a, at_a, mut b, _) = pair_of(config(seeds.0, listen), config(seeds.1, listen)).await;
        for number in 1..=5 {
            a.send(&b, at_a, &[number]).unwrap();
        }
        a.network.disconnect(&b.device(), Cause::Finished);
        for number in 1..=5 {
            assert_eq!(b.frame().await, [number], "over {listen}");
        }
        assert!(matches!(b.disconnected().await, EndReason::ClosedByPeer | EndReason::ConnectionLost { .. }));
    }
}

#[tokio::test]
async fn what_was_half_written_when_a_session_ended_in_good_order_arrives() {
    for (listen, seeds) in [(TCP, (1, 2)), (TCP, (2, 1)), (QUIC, (1, 2)), (QUIC, (2, 1))] {
        for pause_ms in [1, 3, 9] {
            let (a, at_a, mut b, _) = pair_of(config(seeds.0, listen), config(seeds.1, listen)).await;
            let long = vec![7; 1_000_000];
            a.send(&b, at_a, &long).unwrap();
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            a.network.disconnect(&b.device(), Cause::Finished);
            let arrived = b.until(|event| match event {
                Event::Frame { bytes, .. } => Some(*bytes == long),
                Event::Disconnected { .. } => Some(false),
                _ => None,
            });
            assert!(arrived.await, "over {listen} after {pause_ms} ms");
        }
    }
}

#[tokio::test]
async fn what_waits_for_a_peer_arrives_in_order_and_is_counted_one_by_one_packed_or_not() {
    for listen in [TCP, QUIC] {
        let (mut a, at_a, mut b, _) = pair_of(config(1, listen), config(2, listen)).await;
        // What is like what came before it is packed; the long one, what is all alike, and what is alone are not.
        let of = |number: u8| match number % 10 {
            3 => vec![number; 5000],
            7 => vec![number; 700_000],
            _ => (0..=255).cycle().skip(number.into()).take(600).collect::<Vec<u8>>(),
        };
        for number in 0..100 {
            a.send(&b, at_a, &of(number)).unwrap();
        }
        for number in 0..100 {
            assert_eq!(b.frame().await, of(number), "{number}");
        }
        let mut sent = 0;
        while sent < 100 {
            sent += a.until(|event| if let Event::Sent { frames, .. } = event { Some(*frames) } else { None }).await;
        }
        assert_eq!(sent, 100);
    }
}

#[tokio::test]
async fn of_a_stranger_one_short_frame_is_read_until_it_is_known() {
    let mut host = Node::start(config(1, TCP)).await;
    host.network.set_strangers(Strangers::Admitted);
    let mut guest = Node::start(config(2, TCP)).await;
    guest.network.dial_ticket(&host.device(), host.network.listening()).unwrap();
    let at_guest = guest.connected().await;
    for frame in [&b"first"[..], b"second", &[7; 100_000]] {
        guest.send(&host, at_guest, frame).unwrap();
    }
    assert_eq!(host.frame().await, b"first");
    let frames = host.events_within(Duration::from_millis(300)).await;
    assert!(frames.iter().all(|event| !matches!(event, Event::Frame { .. })), "{frames:?}");
    host.pair(&[(&guest, false)]);
    assert_eq!(host.frame().await, b"second");
    assert_eq!(host.frame().await.len(), 100_000);

    let mut second = Node::start(config(3, TCP)).await;
    second.network.dial_ticket(&host.device(), host.network.listening()).unwrap();
    let at_second = second.connected().await;
    second.send(&host, at_second, &[7; 100_000]).unwrap();
    assert!(matches!(host.disconnected().await, EndReason::FrameTooLarge { .. }));
}
