//! One setting: its name, the type and form of its value, and its default.

use super::kind::{DAY, Kind, ParsedValue};
use super::value::Value;
use crate::cpis::SdsId;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A setting whose value is a `T`; an `Option` where it may be absent.
pub(super) struct Key<T> {
    /// As in the table, with `[]` after a list of tables: `access.issuers[].issuer`.
    name: &'static str,
    /// The part of an identity that it is for: the last part of its name.
    part: Option<&'static str>,
    /// The position of its table in the list.
    at: usize,
    pub kind: Kind,
    /// The default, as an operator would write it.
    initial: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

/// One row of the table of settings: what operators read about a key.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// With `[]` after a list of tables.
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub default: Initial,
    /// What it does, in a sentence or two.
    pub meaning: Cow<'static, str>,
}

/// The default of a key.
#[derive(Debug, Clone)]
pub(super) enum Initial {
    /// None: the key must be set.
    Required,
    /// This value, as an operator would write it.
    Is(&'static str),
    /// No fixed value. Describes what happens instead.
    Otherwise(Cow<'static, str>),
}

impl Initial {
    pub(super) const fn required() -> Self {
        Self::Required
    }

    pub(super) const fn is(value: &'static str) -> Self {
        Self::Is(value)
    }

    pub(super) const fn otherwise(words: &'static str) -> Self {
        Self::Otherwise(Cow::Borrowed(words))
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> Key<T> {
    const fn new(name: &'static str, kind: Kind, initial: Option<&'static str>) -> Self {
        Self { name, part: None, at: 0, kind, initial, value: PhantomData }
    }

    /// A key that must be set.
    pub(super) const fn required(name: &'static str, form: &Form<T>) -> Self {
        Self::new(name, form.kind, None)
    }

    /// A key whose default is `initial`.
    pub(super) const fn is(name: &'static str, form: &Form<T>, initial: &'static str) -> Self {
        Self::new(name, form.kind, Some(initial))
    }

    /// The key of the table at `at` of its list.
    pub(super) const fn at(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The same key, for functions that accept optional keys.
    pub(super) const fn optional(self) -> Key<Option<T>> {
        Key { name: self.name, part: self.part, at: self.at, kind: self.kind, initial: self.initial, value: PhantomData }
    }

    /// The default value.
    pub(super) fn initial(self) -> Option<ParsedValue> {
        self.initial.and_then(|text| self.kind.read(&Value::Text(text.to_owned())).ok())
    }
}

impl<T> Key<Option<T>> {
    /// An optional key. The table says what happens if it is absent.
    pub(super) const fn otherwise(name: &'static str, form: &Form<T>, _words: &'static str) -> Self {
        Self::new(name, form.kind, None)
    }

    /// The key below this group for one part of an identity.
    pub(super) const fn of_part(group: &'static str, part: &'static str, form: &Form<T>) -> Self {
        Self { part: Some(part), ..Self::new(group, form.kind, None) }
    }
}

/// The name in full: `access.issuers[0].issuer`.
impl<T> fmt::Display for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.split_once("[]") {
            None => f.write_str(self.name)?,
            Some((list, rest)) => write!(f, "{list}[{}]{rest}", self.at)?,
        }
        self.part.map_or(Ok(()), |part| write!(f, ".{part}"))
    }
}

/// How a value of this type is written.
pub(super) struct Form<T> {
    kind: Kind,
    value: PhantomData<fn() -> T>,
}

impl<T> Form<T> {
    const fn of(kind: Kind) -> Self {
        Self { kind, value: PhantomData }
    }
}

pub(super) const fn address() -> Form<SocketAddr> {
    Form::of(Kind::Address)
}

pub(super) const fn asid() -> Form<SdsId> {
    Form::of(Kind::Asid)
}

pub(super) const fn file() -> Form<PathBuf> {
    Form::of(Kind::File)
}

pub(super) const fn header() -> Form<String> {
    Form::of(Kind::Header)
}

pub(super) const fn ods() -> Form<String> {
    Form::of(Kind::Ods)
}

pub(super) const fn oid() -> Form<String> {
    Form::of(Kind::Oid)
}

pub(super) const fn secret_file() -> Form<PathBuf> {
    Form::of(Kind::SecretFile)
}

pub(super) const fn switch() -> Form<bool> {
    Form::of(Kind::Switch)
}

pub(super) const fn text(wanted: &'static str) -> Form<String> {
    Form::of(Kind::Text(wanted))
}

pub(super) const fn symbol(wanted: &'static str) -> Form<String> {
    Form::of(Kind::Symbol(wanted))
}

pub(super) const fn symbol_or_empty(wanted: &'static str) -> Form<String> {
    Form::of(Kind::SymbolOrEmpty(wanted))
}

/// Words that mean themselves.
pub(super) const fn word(words: &'static [&'static str]) -> Form<String> {
    Form::of(Kind::Choice(words))
}

pub(super) const fn choice<T: Choice>() -> Form<T> {
    Form::of(Kind::Choice(T::WORDS))
}

/// More than 0, at most a day.
pub(super) const fn duration() -> Form<Duration> {
    Form::of(Kind::Duration { zero: false, most: DAY })
}

pub(super) const fn duration_or_zero(most: &'static str) -> Form<Duration> {
    Form::of(Kind::Duration { zero: true, most })
}

pub(super) const fn days(least: u64, most: u64) -> Form<Duration> {
    Form::of(Kind::Days(least, most))
}

pub(super) const fn count<T: TryFrom<u64>>(least: u64, most: u64) -> Form<T> {
    Form::of(Kind::Count(least, most))
}

pub(super) const fn size(least: u64, most: u64) -> Form<usize> {
    Form::of(Kind::Size(least, most))
}

pub(super) const fn list<T>(item: &'static Form<T>) -> Form<Vec<T>> {
    Form::of(Kind::List(&item.kind))
}

/// A type whose values are words.
pub(super) trait Choice: Copy + 'static {
    const WORDS: &'static [&'static str];
    /// What each of the words means.
    const VALUES: &'static [Self];
}

/// A type of the value of a setting.
pub(super) trait SettingType: Sized {
    /// `None` if the parsed value is not of this type.
    fn of(parsed: ParsedValue) -> Option<Self>;

    /// The value of an absent key, if the key is optional.
    fn absent() -> Option<Self> {
        None
    }
}

macro_rules! setting_types {
    ($($type:ty: $pattern:pat => $value:expr;)*) => {
        $(impl SettingType for $type {
            fn of(parsed: ParsedValue) -> Option<Self> {
                if let $pattern = parsed { $value } else { None }
            }
        })*
    };
}

setting_types! {
    String: ParsedValue::Text(text) => Some(text);
    PathBuf: ParsedValue::Text(text) => Some(text.into());
    SdsId: ParsedValue::Text(text) => SdsId::parse(&text);
    SocketAddr: ParsedValue::Address(address) => Some(address);
    bool: ParsedValue::Switch(switch) => Some(switch);
    u32: ParsedValue::Count(count) => count.try_into().ok();
    usize: ParsedValue::Count(count) => count.try_into().ok();
    Duration: ParsedValue::Duration(duration) => Some(duration);
}

impl<T: Choice> SettingType for T {
    fn of(parsed: ParsedValue) -> Option<Self> {
        let ParsedValue::Text(text) = parsed else { return None };
        let at = T::WORDS.iter().position(|word| *word == text)?;
        T::VALUES.get(at).copied()
    }
}

impl<T: SettingType> SettingType for Vec<T> {
    fn of(parsed: ParsedValue) -> Option<Self> {
        let ParsedValue::List(items) = parsed else { return None };
        items.into_iter().map(T::of).collect()
    }
}

impl<T: SettingType> SettingType for Option<T> {
    fn of(parsed: ParsedValue) -> Option<Self> {
        T::of(parsed).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
