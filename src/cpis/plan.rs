use jiff::Span;
use jiff::civil::Date;

/// How long after its forecast end an unborn plan is still in force (decisions.md 15, 44).
const UNBORN_GRACE_DAYS: i32 = 28;

/// The three kinds of plan that CP-IS holds; on the wire each has its own template (wire.md 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlanType {
    ChildProtection,
    LookedAfter,
    /// Held on the mother's NHS number. Its end is a forecast.
    UnbornChildProtection,
}

impl PlanType {
    pub const ALL: [Self; 3] = [Self::ChildProtection, Self::LookedAfter, Self::UnbornChildProtection];

    /// The plain name that a clinician reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChildProtection => "Child protection plan",
            Self::LookedAfter => "Looked after child",
            Self::UnbornChildProtection => "Unborn child protection plan",
        }
    }
}

/// UK calendar dates, never shifted by a time zone; an open end is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    pub start: Date,
    pub end: Option<Date>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    pub plan_type: PlanType,
    pub period: Period,
}

/// The status of a plan on a given day. Computed when it is shown, never stored (decisions.md 37).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlanStatus {
    Active,
    /// An unborn plan whose forecast end has passed by 28 days at most: still active, to be confirmed with the authority.
    ActivePastForecast,
    /// The start is in the future.
    Planned,
    Ended,
}

impl Plan {
    /// The plan's status on `today`, a date in England ([`crate::clock::today`]).
    #[must_use]
    pub fn status(&self, today: Date) -> PlanStatus {
        if self.period.start > today {
            return PlanStatus::Planned;
        }
        match (self.period.end, self.in_force_until()) {
            (_, Some(last)) if last < today => PlanStatus::Ended,
            (Some(end), _) if end < today => PlanStatus::ActivePastForecast,
            _ => PlanStatus::Active,
        }
    }

    /// The last day on which the plan counts as in force, if it has one: its end, or 28 days after its end if that is a forecast
    /// (decisions.md 44).
    #[must_use]
    pub fn in_force_until(&self) -> Option<Date> {
        let end = self.period.end?;
        let grace = if self.plan_type == PlanType::UnbornChildProtection { UNBORN_GRACE_DAYS } else { 0 };
        Some(end.saturating_add(Span::new().days(grace)))
    }
}

/// Why something that CP-IS counted could not be read. Shown to the clinician as an active placeholder (decisions.md 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// A plan template that is none of the three known ones.
    UnknownTemplate,
    /// The start date is missing or is not a date.
    StartDate,
    /// The end date is there but is not a date, or is before the start.
    EndDate,
    /// A record without any plan in it.
    NoPlan,
    /// The answer counts more records than it contains.
    MissingRecord,
}

/// One plan of a record, or the place of one that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    Plan(Plan),
    Unreadable(Unreadable),
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn plan(plan_type: PlanType, start: Date, end: Option<Date>) -> Plan {
        Plan { plan_type, period: Period { start, end } }
    }

    #[test]
    fn a_plan_is_active_on_its_first_and_on_its_last_day() {
        let plan = plan(PlanType::ChildProtection, date(2026, 1, 10), Some(date(2026, 2, 10)));
        assert_eq!(plan.status(date(2026, 1, 9)), PlanStatus::Planned);
        assert_eq!(plan.status(date(2026, 1, 10)), PlanStatus::Active);
        assert_eq!(plan.status(date(2026, 2, 10)), PlanStatus::Active);
        assert_eq!(plan.status(date(2026, 2, 11)), PlanStatus::Ended);
    }

    #[test]
    fn a_plan_without_an_end_stays_active() {
        let plan = plan(PlanType::LookedAfter, date(2010, 1, 1), None);
        assert_eq!(plan.status(date(2026, 1, 1)), PlanStatus::Active);
    }

    #[test]
    fn an_unborn_plan_stays_active_for_28_days_after_its_forecast_end() {
        let plan = plan(PlanType::UnbornChildProtection, date(2025, 10, 1), Some(date(2026, 1, 20)));
        assert_eq!(plan.status(date(2026, 1, 20)), PlanStatus::Active);
        assert_eq!(plan.status(date(2026, 1, 21)), PlanStatus::ActivePastForecast);
        assert_eq!(plan.status(date(2026, 2, 17)), PlanStatus::ActivePastForecast);
        assert_eq!(plan.status(date(2026, 2, 18)), PlanStatus::Ended);
        assert_eq!(plan.in_force_until(), Some(date(2026, 2, 17)));
    }

    #[test]
    fn an_end_that_is_no_forecast_is_the_last_day_in_force() {
        for plan_type in [PlanType::ChildProtection, PlanType::LookedAfter] {
            assert_eq!(plan(plan_type, date(2025, 10, 1), Some(date(2026, 1, 20))).in_force_until(), Some(date(2026, 1, 20)));
        }
        assert_eq!(plan(PlanType::UnbornChildProtection, date(2025, 10, 1), None).in_force_until(), None);
        let last = plan(PlanType::UnbornChildProtection, date(2025, 10, 1), Some(Date::MAX));
        assert_eq!(last.in_force_until(), Some(Date::MAX));
    }
}
