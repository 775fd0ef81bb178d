use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const AT_ONCE: Duration = Duration::ZERO;

fn places(most: usize, per_network: usize) -> Arc<Places> {
    Arc::new(Places::new(most, per_network, Arc::default()))
}

async fn enter(places: &Arc<Places>, address: IpAddr) -> Option<Seat> {
    places.enter(address, AT_ONCE).await
}

fn is_gone(seat: &Seat) -> bool {
    seat.place.must_go.load(Ordering::Acquire)
}

async fn later(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn strangers_of_one_network_have_a_share_and_their_own_oldest_goes_first() {
    let places = places(10, 3);
    let mut seats = Vec::new();
    for _ in 0..3 {
        seats.push(enter(&places, HERE).await.unwrap());
        later(1).await;
    }
    let elsewhere = enter(&places, THERE).await.unwrap();
    let fourth = enter(&places, HERE).await.unwrap();
    assert_eq!(seats.iter().map(is_gone).collect::<Vec<_>>(), [true, false, false]);
    assert!(!is_gone(&elsewhere) && !is_gone(&fourth));
    // What is being answered stays: then there is no place.
    for seat in seats.iter().skip(1).chain([&fourth]) {
        seat.works();
    }
    assert!(enter(&places, HERE).await.is_none());
    drop(fourth);
    assert!(enter(&places, HERE).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_known_is_no_stranger() {
    let places = places(10, 1);
    let mut seats = Vec::new();
    for _ in 0..10 {
        let seat = enter(&places, HERE).await.unwrap();
        seat.is_of_somebody_known();
        seat.is_of_somebody_known();
        seat.works();
        seats.push(seat);
    }
    assert!(places.room().strangers.is_empty());
    assert!(enter(&places, HERE).await.is_none(), "all are being answered");
    seats.clear();
    assert!(places.room().taken.is_empty() && places.room().strangers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_keeps_us_waiting_goes_before_whoever_is_idle_and_nobody_goes_who_is_answered() {
    let places = places(4, 4);
    let known = enter(&places, HERE).await.unwrap();
    known.is_of_somebody_known();
    known.waits(Wait::Idle);
    later(10).await;
    let unread = enter(&places, HERE).await.unwrap();
    unread.waits(Wait::Unread);
    let answered = enter(&places, HERE).await.unwrap();
    answered.works();
    later(2).await;
    let new = enter(&places, HERE).await.unwrap();
    let mut more = Vec::new();
    for gone in [&unread, &known, &new] {
        assert!(!is_gone(gone));
        more.push(enter(&places, THERE).await.unwrap());
        more.last().unwrap().works();
        assert!(is_gone(gone));
    }
    assert!(!is_gone(&answered));
    assert!(enter(&places, THERE).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_on_its_way_to_somebody_known_is_never_cut_for_a_newcomer() {
    let places = places(1, 1);
    let seat = enter(&places, HERE).await.unwrap();
    seat.is_of_somebody_known();
    seat.waits(Wait::Unread);
    later(20).await;
    assert!(enter(&places, THERE).await.is_none());
    assert!(!is_gone(&seat));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_for_a_place_but_not_for_ever_and_not_with_many() {
    let places = places(1, 1);
    let seat = enter(&places, HERE).await.unwrap();
    seat.works();
    let began = Instant::now();
    assert!(places.enter(THERE, Duration::from_secs(5)).await.is_none());
    assert!(began.elapsed() >= Duration::from_secs(5));
    let waiting = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.enter(THERE, Duration::from_secs(5)).await.is_some() }
    });
    tokio::task::yield_now().await;
    let began = Instant::now();
    assert!(places.enter(THERE, Duration::from_secs(5)).await.is_none(), "a second one");
    assert!(began.elapsed() < Duration::from_millis(1));
    drop(seat);
    assert!(waiting.await.unwrap());
}

#[test]
fn a_network_of_ipv6_is_64_bits_and_ipv4_is_itself_however_it_is_written() {
    let network = |address: &str| network(address.parse().unwrap()).to_string();
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(network("192.0.2.7"), "192.0.2.7");
}
