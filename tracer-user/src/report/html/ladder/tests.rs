use super::*;
use crate::show::sample;

fn drawn(ladder: &Ladder) -> Vec<(usize, usize, &str, Fate)> {
    let steps = ladder.steps.iter();
    steps
        .map(|step| (step.from, step.to, step.what.as_str(), step.fate))
        .collect()
}

#[test]
fn every_dropped_syn_ends_where_it_was_dropped() {
    let ladder = of(&sample::failure(), &[]);
    let names: Vec<_> = ladder.lanes.iter().map(|lane| lane.name.as_str()).collect();
    assert_eq!(names, ["curl[4242]", "OUTPUT", "server"]);
    assert_eq!(
        drawn(&ladder),
        [
            (0, 0, "connect()", Fate::Here),
            (0, 1, "SYN", Fate::Dropped),
            (0, 1, "SYN, sent again", Fate::Dropped),
            (0, 1, "SYN, sent again", Fate::Dropped),
            (
                0,
                0,
                "connect() timed out after 3.1 s (ETIMEDOUT)",
                Fate::Here
            ),
        ]
    );
    // The record does not tell when each was dropped.
    assert!(ladder.steps[1].time.is_none() && ladder.steps[4].time.is_some());
}

#[test]
fn what_left_and_met_silence_is_not_known_to_have_arrived() {
    let mut failure = sample::failure();
    failure.drops.clear();
    let ladder = of(&failure, &[]);
    assert_eq!(drawn(&ladder)[1], (0, 1, "3 × SYN", Fate::NotKnown));
}

#[test]
fn a_refusal_comes_back() {
    let mut failure = sample::failure();
    failure.drops.clear();
    failure.timing.syn_sent = Some(1);
    failure.resets = vec![sample::reset()];
    let ladder = of(&failure, &[]);
    assert_eq!(drawn(&ladder)[1], (0, 1, "SYN", Fate::Arrived));
    assert_eq!(drawn(&ladder)[2], (1, 0, "RST", Fate::Arrived));
}

#[test]
fn an_icmp_error_comes_from_between() {
    let mut failure = sample::failure();
    failure.drops.clear();
    failure.icmp = vec![sample::icmp()];
    let ladder = of(&failure, &[]);
    assert!(drawn(&ladder).contains(&(1, 0, "ICMP type 3 code 1", Fate::Arrived)));
}

#[test]
fn of_an_inbound_one_the_server_is_this_end() {
    let mut failure = sample::failure();
    failure.direction = Direction::Inbound;
    failure.drops[0].direction = Some("rx".to_owned());
    let ladder = of(&failure, &[]);
    assert_eq!(ladder.lanes[0].name, "client");
    assert_eq!(drawn(&ladder)[1], (0, 1, "SYN", Fate::Dropped));
    assert_eq!(ladder.steps[0].from, 2);
}

#[test]
fn events_are_drawn_at_their_times() {
    let ladder = of(&sample::failure(), &[sample::event()]);
    assert_eq!(drawn(&ladder)[1], (0, 1, "SYN", Fate::Dropped));
    assert!(ladder.steps.iter().all(|step| step.time.is_some()));
    let many = vec![sample::event(); 200];
    assert_eq!(of(&sample::failure(), &many).left_out, 142);
}

#[test]
fn who_listens_answers_again() {
    let failure = sample::failure();
    let mut event = sample::event();
    event.hook = "tcp_retransmit_synack".to_owned();
    event.summary = "SYN-ACK sent again by a listener".to_owned();
    event.detail.clear();
    let drawn_at = |event: &Event| drawn(&of(&failure, std::slice::from_ref(event)))[1].0;
    assert_eq!(drawn_at(&event), 1);
    // A client's SYN came to the own end.
    let socket = event.socket.as_mut().unwrap();
    socket.local = Some(std::mem::replace(
        &mut socket.remote,
        failure.socket.local.unwrap(),
    ));
    assert_eq!(drawn_at(&event), 0);
}
