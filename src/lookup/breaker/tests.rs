use super::*;
use proptest::prelude::*;

const RULES: BreakerRules = BreakerRules { failures: 5, open_for: Duration::from_secs(15) };

fn child(n: u8) -> NhsNumber {
    (9_990_000_000 + u64::from(n) * 20..).find_map(|number| NhsNumber::from_u64(number).ok()).unwrap()
}

/// A query with this verdict; false if it may not be sent.
fn look(breaker: &Breaker, n: u8, verdict: Verdict, now: Instant) -> bool {
    let Ok(mut pass) = breaker.acquire(&child(n), now) else { return false };
    pass.report(verdict, now);
    true
}

fn open(now: Instant) -> Breaker {
    let breaker = Breaker::new(RULES);
    for n in 0..5 {
        assert!(look(&breaker, n, Verdict::Failure, now));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn it_opens_after_failures_in_a_row_over_three_children() {
    let (breaker, now) = (Breaker::new(RULES), Instant::now());
    for n in [0, 1, 0, 1, 0, 1, 0, 1] {
        assert!(look(&breaker, n, Verdict::Failure, now));
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "two children only");
    assert!(look(&breaker, 2, Verdict::Failure, now));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(!look(&breaker, 3, Verdict::Success, now));
}

#[test]
fn an_answer_begins_the_row_anew_and_what_says_nothing_does_not() {
    let (breaker, now) = (Breaker::new(RULES), Instant::now());
    for verdict in [
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Success,
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Failure,
        Verdict::Ignored,
    ] {
        assert!(look(&breaker, 0, verdict, now));
        assert!(look(&breaker, 1, Verdict::Ignored, now));
    }
    assert!(look(&breaker, 1, Verdict::Ignored, now));
    assert_eq!(breaker.state(), BreakerState::Closed);
    let breaker = Breaker::new(RULES);
    for n in 0..4 {
        look(&breaker, n, Verdict::Failure, now);
        look(&breaker, n, Verdict::Ignored, now);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    look(&breaker, 4, Verdict::Failure, now);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn half_open_lets_one_look_through_and_its_outcome_decides() {
    let began = Instant::now();
    let breaker = open(began);
    let later = began + RULES.open_for;
    assert!(!breaker.would_permit(later - Duration::from_millis(1)));
    assert!(breaker.would_permit(later));
    let mut probe = breaker.acquire(&child(9), later).ok().unwrap();
    assert!(!breaker.would_permit(later) && breaker.acquire(&child(8), later).is_err());
    probe.report(Verdict::Failure, later);
    assert!(!breaker.would_permit(later + RULES.open_for - Duration::from_millis(1)));
    let later = later + RULES.open_for;
    assert!(look(&breaker, 8, Verdict::Success, later));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_says_nothing_leaves_the_next_look_to_try() {
    let began = Instant::now();
    let breaker = open(began);
    let later = began + RULES.open_for;
    drop(breaker.acquire(&child(9), later));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(look(&breaker, 8, Verdict::Success, later));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn what_went_out_before_it_opened_neither_closes_nor_keeps_it_open() {
    let began = Instant::now();
    let breaker = Breaker::new(RULES);
    let mut early: Vec<BreakerPermit> = (0..4).map(|n| breaker.acquire(&child(n), began).ok().unwrap()).collect();
    for n in 0..5 {
        look(&breaker, n, Verdict::Failure, began);
    }
    early.pop().unwrap().report(Verdict::Success, began);
    assert_eq!(breaker.state(), BreakerState::Open);
    let later = began + RULES.open_for;
    let mut probe = breaker.acquire(&child(9), later).ok().unwrap();
    early.pop().unwrap().report(Verdict::Failure, later);
    early.pop().unwrap().report(Verdict::Success, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probe.report(Verdict::Success, later);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Go(u8),
    Report { which: u8, verdict: Verdict },
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![4 => Just(Verdict::Failure), 1 => Just(Verdict::Success), 1 => Just(Verdict::Ignored)];
    let step = prop_oneof![
        4 => (0..6_u8).prop_map(Step::Go),
        4 => (any::<u8>(), verdict).prop_map(|(which, verdict)| Step::Report { which, verdict }),
        1 => (0..20_000_u16).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

/// The same rules, computed from the whole history of verdicts since the last change.
#[derive(Default)]
struct Model {
    verdicts: Vec<(Verdict, u8)>,
    open_until: Option<Instant>,
    half_open: bool,
    probing: bool,
    epoch: u32,
}

impl Model {
    fn should_open(&self) -> bool {
        let bad: Vec<u8> = self
            .verdicts
            .iter()
            .rev()
            .take_while(|(verdict, _)| *verdict != Verdict::Success)
            .filter(|(verdict, _)| *verdict == Verdict::Failure)
            .map(|(_, n)| *n)
            .collect();
        let children: std::collections::BTreeSet<u8> = bad.iter().copied().collect();
        bad.len() >= RULES.failures as usize && children.len() >= 3
    }

    fn lets_out(&self, now: Instant) -> bool {
        self.open_until.is_none_or(|until| now >= until && !self.probing)
    }

    /// A query is sent; returns the epoch in which its outcome counts.
    fn goes(&mut self) -> u32 {
        if self.open_until.is_some() {
            self.epoch += u32::from(!self.half_open);
            (self.half_open, self.probing) = (true, true);
        }
        self.epoch
    }

    fn record(&mut self, verdict: Verdict, child: u8, epoch: u32, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        if self.open_until.is_some() {
            self.probing = false;
            match verdict {
                Verdict::Ignored => return,
                Verdict::Success => self.open_until = None,
                Verdict::Failure => self.open_until = Some(now + RULES.open_for),
            }
        } else {
            self.verdicts.push((verdict, child));
            if !self.should_open() {
                return;
            }
            self.open_until = Some(now + RULES.open_for);
        }
        self.verdicts.clear();
        self.half_open = false;
        self.epoch += 1;
    }
}

proptest! {
    #[test]
    fn it_follows_its_rules_in_any_history(steps in steps()) {
        let mut now = Instant::now();
        let (breaker, mut model) = (Breaker::new(RULES), Model::default());
        let mut out: Vec<(BreakerPermit, u8, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(millis) => now += Duration::from_millis(millis.into()),
                Step::Go(n) => {
                    let expected = model.lets_out(now);
                    prop_assert_eq!(breaker.would_permit(now), expected);
                    let pass = breaker.acquire(&child(n), now);
                    prop_assert_eq!(pass.is_ok(), expected);
                    if let Ok(pass) = pass {
                        out.push((pass, n, model.goes()));
                    }
                }
                Step::Report { which, verdict } if !out.is_empty() => {
                    let (mut pass, n, epoch) = out.remove(usize::from(which) % out.len());
                    pass.report(verdict, now);
                    model.record(verdict, n, epoch, now);
                }
                Step::Report { .. } => {}
            }
            let probes = out.iter().filter(|(_, _, epoch)| model.half_open && *epoch == model.epoch);
            prop_assert!(probes.count() <= 1);
        }
    }
}
