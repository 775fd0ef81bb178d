//! Paths to the parts of an identity in a token.
//!
//! A path consists of names with dots between them. After the name of a list of objects, `[field=path]` selects the object whose
//! `field` equals the value at `path`, read from the top of the token: `nhsid_nrbac_roles[person_roleid=selected_roleid].role_code`.
//! A list without a selector, or with a selector whose `path` is not in the token, must have exactly one item. With more items the
//! part is ambiguous and the user is refused: the service never guesses. A claim whose name is the whole path, including the dots,
//! takes precedence.

use super::Refusal;
use serde_json::{Map, Value};

/// How deep selectors may be nested.
const DEEPEST: usize = 4;

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    selector: Option<Selector>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    field: String,
    equals: ClaimPath,
}

/// The value at the end of a path.
pub(super) type ClaimResult<'t> = Result<Option<&'t Value>, Refusal>;

impl ClaimPath {
    /// `None` if `text` is not a path: an empty name, or brackets that do not match.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (path, rest) = parse(text, DEEPEST)?;
        rest.is_empty().then_some(path)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at this path of `token`. `part` names it in a refusal.
    pub(super) fn find<'t>(&self, token: &'t Map<String, Value>, part: &'static str) -> ClaimResult<'t> {
        if let Some(value) = token.get(&self.text) {
            return Ok(present(value));
        }
        let mut inside = token;
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let Some(value) = inside.get(&step.name).and_then(present) else { return Ok(None) };
            let Some(value) = step.select(value, token, part)? else { return Ok(None) };
            if steps.peek().is_none() {
                return Ok(Some(value));
            }
            let Some(object) = only(value, part)?.and_then(Value::as_object) else { return Ok(None) };
            inside = object;
        }
        Ok(None)
    }
}

impl Step {
    fn select<'t>(&self, value: &'t Value, token: &Map<String, Value>, part: &'static str) -> ClaimResult<'t> {
        let Some(selector) = &self.selector else { return Ok(Some(value)) };
        // An object outside a list counts as a list of one.
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let Some(wanted) = selector.equals.find(token, part)? else { return only(value, part) };
        let wanted = only(wanted, part)?.and_then(Value::as_str).ok_or(Refusal::Malformed(part))?;
        let chosen = items.iter().filter(|item| item.get(&selector.field).and_then(Value::as_str) == Some(wanted));
        sole(chosen, part)
    }
}

/// The only item of a list, or a value that is not a list.
pub(super) fn only<'t>(value: &'t Value, part: &'static str) -> ClaimResult<'t> {
    match value {
        Value::Array(items) => Ok(sole(items.iter(), part)?.and_then(present)),
        other => Ok(Some(other)),
    }
}

/// The only distinct item; it may be repeated.
fn sole<'t>(mut items: impl Iterator<Item = &'t Value>, part: &'static str) -> ClaimResult<'t> {
    let Some(first) = items.next() else { return Ok(None) };
    if items.all(|other| other == first) { Ok(Some(first)) } else { Err(Refusal::Ambiguous(part)) }
}

fn present(value: &Value) -> Option<&Value> {
    (!value.is_null()).then_some(value)
}

/// Parses a path at the beginning of `text`. Returns it and the rest: nothing, or the bracket that ends it.
fn parse(text: &str, depth: usize) -> Option<(ClaimPath, &str)> {
    let depth = depth.checked_sub(1)?;
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[', ']', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        let (selector, after) = match after.strip_prefix('[') {
            Some(inside) => selector(inside, depth).map(|(selector, after)| (Some(selector), after))?,
            None => (None, after),
        };
        steps.push(Step { name: name.to_owned(), selector });
        let Some(more) = after.strip_prefix('.') else {
            let used = text.len() - after.len();
            // The caller refuses any other rest.
            return Some((ClaimPath { text: text[..used].to_owned(), steps }, after));
        };
        rest = more;
    }
}

fn selector(inside: &str, depth: usize) -> Option<(Selector, &str)> {
    let (field, after) = inside.split_once('=')?;
    if field.is_empty() || field.contains(['.', '[', ']']) {
        return None;
    }
    let (equals, after) = parse(after, depth)?;
    Some((Selector { field: field.to_owned(), equals }, after.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ROLE: &str = "nhsid_nrbac_roles[person_roleid=selected_roleid].role_code";
    const ORGANISATION: &str = "orgs[org_code=nhsid_nrbac_roles[person_roleid=selected_roleid].org_code].org_name";

    fn find(path: &str, token: &Value) -> Result<Option<Value>, Refusal> {
        ClaimPath::parse(path).unwrap().find(token.as_object().unwrap(), "role").map(Option::<&Value>::cloned)
    }

    #[allow(clippy::unnecessary_wraps, reason = "to be compared with what was found")]
    fn found(value: &str) -> Result<Option<Value>, Refusal> {
        Ok(Some(json!(value)))
    }

    fn two_roles() -> Value {
        json!({
            "nhsid_nrbac_roles": [
                {"person_roleid": "1", "role_code": "R1", "org_code": "A"},
                {"person_roleid": "2", "role_code": "R2", "org_code": "B"},
            ],
            "orgs": [{"org_code": "A", "org_name": "Alpha"}, {"org_code": "B", "org_name": "Beta"}],
        })
    }

    fn selecting(mut token: Value, id: Value) -> Value {
        token["selected_roleid"] = id;
        token
    }

    #[test]
    fn a_claim_is_found_by_its_name_and_inside_others() {
        let token = json!({"a": "1", "b": {"c": {"d": "2"}}, "https://trust.example/role": "3", "b.c": "4", "n": null});
        assert_eq!(find("a", &token), found("1"));
        assert_eq!(find("b.c.d", &token), found("2"));
        assert_eq!(find("https://trust.example/role", &token), found("3"));
        assert_eq!(find("b.c", &token), found("4"));
        for absent in ["x", "a.b", "b.x", "b.c.d.e", "n", "n.m"] {
            assert_eq!(find(absent, &token), Ok(None), "{absent}");
        }
    }

    #[test]
    fn the_selected_role_is_taken() {
        for (id, code, name) in [("1", "R1", "Alpha"), ("2", "R2", "Beta")] {
            let token = selecting(two_roles(), json!(id));
            assert_eq!(find(ROLE, &token), found(code));
            assert_eq!(find(ORGANISATION, &token), found(name));
        }
    }

    #[test]
    fn two_roles_and_none_selected_are_refused_never_guessed() {
        assert_eq!(find(ROLE, &two_roles()), Err(Refusal::Ambiguous("role")));
        assert_eq!(find(ORGANISATION, &two_roles()), Err(Refusal::Ambiguous("role")));
        assert_eq!(find("nhsid_nrbac_roles.role_code", &two_roles()), Err(Refusal::Ambiguous("role")));
        let two_selected = selecting(two_roles(), json!(["1", "2"]));
        assert_eq!(find(ROLE, &two_selected), Err(Refusal::Ambiguous("role")));
    }

    #[test]
    fn a_selection_that_matches_no_role_gives_none() {
        assert_eq!(find(ROLE, &selecting(two_roles(), json!("3"))), Ok(None));
        assert_eq!(find(ROLE, &selecting(two_roles(), json!(""))), Ok(None));
        assert_eq!(find(ROLE, &selecting(two_roles(), json!(1))), Err(Refusal::Malformed("role")));
        let twice = json!({"selected_roleid": "1", "nhsid_nrbac_roles": [
            {"person_roleid": "1", "role_code": "R1"}, {"person_roleid": "1", "role_code": "R2"}]});
        assert_eq!(find(ROLE, &twice), Err(Refusal::Ambiguous("role")));
    }

    #[test]
    fn one_role_needs_no_selection() {
        let one = json!({"nhsid_nrbac_roles": [{"person_roleid": "1", "role_code": "R1"}]});
        assert_eq!(find(ROLE, &one), found("R1"));
        assert_eq!(find("nhsid_nrbac_roles.role_code", &one), found("R1"));
        assert_eq!(find(ROLE, &selecting(one, json!("2"))), Ok(None));
        assert_eq!(find(ROLE, &json!({"nhsid_nrbac_roles": []})), Ok(None));
    }

    #[test]
    fn one_object_is_a_list_of_one_for_its_selector_too() {
        let one = |id: &str, code: &str| {
            json!({"selected_roleid": id, "nhsid_nrbac_roles": {"person_roleid": "1", "role_code": "R1", "org_code": "A"},
                   "orgs": {"org_code": code, "org_name": "Alpha"}})
        };
        assert_eq!(find(ROLE, &one("1", "A")), found("R1"));
        assert_eq!(find(ORGANISATION, &one("1", "A")), found("Alpha"));
        assert_eq!(find(ORGANISATION, &one("1", "B")), Ok(None), "another organisation's name is nobody's");
        assert_eq!(find(ROLE, &one("2", "A")), Ok(None));
        let unselected = json!({"nhsid_nrbac_roles": {"person_roleid": "1", "role_code": "R1"}});
        assert_eq!(find(ROLE, &unselected), found("R1"));
        for odd in [json!("R1"), json!(1), json!([["R1"]]), json!([null])] {
            let token = json!({"selected_roleid": "1", "nhsid_nrbac_roles": odd});
            assert_eq!(find(ROLE, &token), Ok(None), "{token}");
        }
    }

    #[test]
    fn what_is_listed_twice_and_equally_is_one() {
        let mut token = selecting(two_roles(), json!("1"));
        let again = token["orgs"][0].clone();
        token["orgs"].as_array_mut().unwrap().push(again);
        assert_eq!(find(ORGANISATION, &token), found("Alpha"));
        token["orgs"][2]["org_name"] = json!("Another");
        assert_eq!(find(ORGANISATION, &token), Err(Refusal::Ambiguous("role")));
        let (twice, two) = (json!({"codes": ["R1", "R1"]}), json!({"codes": ["R1", "R2"]}));
        let codes = |token: &Value| only(&token["codes"], "role").map(Option::<&Value>::cloned);
        assert_eq!((codes(&twice), codes(&two)), (found("R1"), Err(Refusal::Ambiguous("role"))));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in
            ["", ".", "a.", ".a", "a..b", "a[", "a[b", "a[b]", "a[b=]", "a[=c]", "a[b=c", "a]b", "a[b=c]d", "a=b", "a[b.c=d]"]
        {
            assert_eq!(ClaimPath::parse(wrong), None, "{wrong}");
        }
        let deep = format!("{}e{}", "a[b=".repeat(9), "]".repeat(9));
        assert_eq!(ClaimPath::parse(&deep), None);
    }

    proptest! {
        #[test]
        fn no_path_makes_the_reader_panic(text in "[ab.=\\[\\]é]{0,24}") {
            if let Some(path) = ClaimPath::parse(&text) {
                let _ = path.find(two_roles().as_object().unwrap(), "role");
            }
        }
    }
}
