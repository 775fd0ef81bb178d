//! The rooms of `src`, and which of them use which: docs/architecture.md has the table, and nothing in the code departs from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

/// What uses what.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table of docs/architecture.md.
fn table() -> Arrows {
    let document = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rows = document.lines().skip_while(|line| !line.starts_with("| Room")).skip(2).take_while(|line| line.starts_with('|'));
    let room = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, uses] = cells[..] else { panic!("three cells: {row}") };
        let name = name.trim_matches('`').trim_end_matches('/').trim_end_matches(".rs");
        let uses = uses.split(", ").filter(|used| *used != "nothing").map(str::to_owned).collect();
        (name.to_owned(), uses)
    };
    rows.map(room).collect()
}

/// Every file of the code under `folder`, with the path of its module below `src`.
fn files(folder: &Path, module: &[String], into: &mut Vec<(PathBuf, Vec<String>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let of_name: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
        if path.is_dir() {
            files(&path, &of_name, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push((path, if name == "mod" { module.to_vec() } else { of_name }));
        }
    }
}

/// The paths that a file uses, each from the root of the crate. Nothing of its tests.
struct Paths {
    /// The module that is read.
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Paths {
    fn of(text: &str, module: &[String]) -> BTreeSet<Vec<String>> {
        let file = syn::parse_file(text).unwrap();
        let mut paths = Self { module: module.to_vec(), found: BTreeSet::new() };
        if !file.attrs.iter().any(is_for_tests) {
            paths.visit_file(&file);
        }
        paths.found
    }

    fn note(&mut self, path: &[String]) {
        let (mut from, mut rest) = (self.module.clone(), path);
        match rest.first().map(String::as_str) {
            Some("crate") => {
                from.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            _ => return,
        }
        while rest.first().is_some_and(|part| part == "super") {
            from.pop();
            rest = &rest[1..];
        }
        from.extend(rest.iter().cloned());
        self.found.insert(from);
    }

    fn note_tree(&mut self, tree: &UseTree, path: &[String]) {
        let with = |name: &syn::Ident| path.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(next) => self.note_tree(&next.tree, &with(&next.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(tree, path)),
            UseTree::Name(name) => self.note(&with(&name.ident)),
            UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            UseTree::Glob(_) => self.note(path),
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

impl<'a> Visit<'a> for Paths {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_use_tree(&mut self, tree: &'a UseTree) {
        self.note_tree(tree, &[]);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.note(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }
}

/// Modules that are tests, by how they are declared in the file above them or by their names.
fn is_test(module: &[String]) -> bool {
    module.iter().any(|part| part == "tests" || part == "samples" || part.ends_with("_tests"))
}

/// Which modules directly below `above` (the rooms, where it is empty) use which others of them.
fn arrows(above: &[&str]) -> Arrows {
    let (mut all, mut found) = (Vec::new(), Arrows::new());
    files(&root().join("src"), &[], &mut all);
    let depth = above.len();
    let is_below = |path: &[String]| path.len() > depth && path.iter().zip(above).all(|(part, above)| part == above);
    let known: BTreeSet<String> =
        all.iter().filter(|(_, module)| is_below(module) && !is_test(module)).map(|(_, module)| module[depth].clone()).collect();
    for (path, module) in all.iter().filter(|(_, module)| is_below(module) && !is_test(module)) {
        if depth == 0 && ["lib", "main"].contains(&module[0].as_str()) {
            continue;
        }
        let uses = found.entry(module[depth].clone()).or_default();
        let paths = Paths::of(&std::fs::read_to_string(path).unwrap(), module);
        let others = paths.iter().filter(|used| is_below(used)).map(|used| &used[depth]);
        uses.extend(others.filter(|other| **other != module[depth] && known.contains(*other)).cloned());
    }
    found
}

/// The types that a file defines. Nothing of its tests.
#[derive(Default)]
struct TypeNames(Vec<String>);

impl<'a> Visit<'a> for TypeNames {
    fn visit_item(&mut self, item: &'a Item) {
        let (attributes, name) = match item {
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Mod(item) => (&item.attrs, None),
            _ => return,
        };
        if !attributes.iter().any(is_for_tests) {
            self.0.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }
}

#[test]
fn no_room_has_two_types_of_one_name() {
    let mut all = Vec::new();
    files(&root().join("src"), &[], &mut all);
    let mut defined: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (path, module) in
        all.iter().filter(|(_, module)| !module.is_empty() && !is_test(module) && module.last().unwrap() != "sample")
    {
        let mut names = TypeNames::default();
        names.visit_file(&syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap());
        for name in names.0 {
            defined.entry((module[0].clone(), name)).or_default().push(module.join("::"));
        }
    }
    assert!(defined.len() > 400, "{}", defined.len());
    let twice: Vec<_> = defined.into_iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

/// A way from `start` back to itself.
fn circle(arrows: &Arrows, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in arrows.get(way.last().unwrap()).into_iter().flatten() {
            let on: Vec<String> = way.iter().cloned().chain([next.clone()]).collect();
            if next == start {
                return Some(on);
            }
            if seen.insert(next.clone()) {
                ways.push(on);
            }
        }
    }
    None
}

fn assert_no_circle(of: &str, arrows: &Arrows) {
    for start in arrows.keys() {
        let found = circle(arrows, start);
        assert!(found.is_none(), "{of} has a circle: {}", found.unwrap().join(" -> "));
    }
}

#[test]
fn the_rooms_use_each_other_as_the_table_says_and_no_other_way() {
    let (table, found) = (table(), arrows(&[]));
    assert_eq!(
        table.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "docs/architecture.md has a row for each room"
    );
    for (room, uses) in &found {
        let (more, less) = (uses - &table[room], &table[room] - uses);
        assert!(more.is_empty(), "{room} uses {more:?}, which docs/architecture.md does not let it");
        assert!(less.is_empty(), "docs/architecture.md lets {room} use {less:?}, which it does not");
    }
    assert_no_circle("src", &found);
}

#[test]
fn the_parts_of_these_rooms_use_each_other_in_one_direction() {
    for room in [vec!["fhir"], vec!["fhir", "search"], vec!["lookup"]] {
        let found = arrows(&room);
        assert!(found.values().any(|uses| !uses.is_empty()), "{room:?} was read");
        assert_no_circle(&room.join("::"), &found);
    }
}

#[test]
fn every_file_that_a_behaviour_is_said_to_be_in_is_there() {
    let document = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table = document.split("\n## Where is it?\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: Vec<&str> = table.split('`').filter(|text| text.starts_with("src/")).collect();
    assert!(named.len() > 20, "{named:?}");
    for path in named {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn a_use_is_found_however_it_is_written_and_not_in_tests() {
    let text = r"
        use crate::{cpis::{Answer, RegisterError}, memory as budget};
        use super::other::*;
        mod inner { use super::super::beside::Thing; fn f() { self::own::g(); } }
        fn go() -> crate::clock::Date { let _: Vec<crate::secret::Key> = crate::audit::open::<crate::access::Mode>(); std::mem::drop(1) }
        #[cfg(test)] mod tests { use crate::simulator::X; }
        #[cfg(test)] use crate::settings::Y;
    ";
    let found = Paths::of(text, &["lookup".to_owned(), "table".to_owned()]);
    let found: BTreeSet<String> = found.iter().map(|path| path.join("::")).collect();
    let expected = [
        "access::Mode",
        "audit::open",
        "clock::Date",
        "cpis::Answer",
        "cpis::RegisterError",
        "lookup::beside::Thing",
        "lookup::other",
        "lookup::table::inner::own::g",
        "memory",
        "secret::Key",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn a_circle_is_found() {
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            arrows.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        arrows
    };
    let found = circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), "a").unwrap();
    assert_eq!(found.join(" "), "a b c a");
    assert_eq!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")]), "a"), None);
}
