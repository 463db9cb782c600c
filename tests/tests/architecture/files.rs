//! Which files of a crate name which: read from its sources, tests left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, UseTree};

/// A path as the modules on the way, from the root of the crate.
type Names = Vec<String>;

/// The modules of a crate.
#[derive(Default)]
pub(crate) struct Modules(BTreeMap<Names, Module>);

/// A module, in a file of its own or within another's.
#[derive(Default)]
struct Module {
    file: String,
    /// What it re-exports or imports, by the name that this has in it.
    imports: BTreeMap<String, Names>,
    /// The paths that it names, as written but for `self` and `super`.
    named: BTreeSet<Names>,
}

impl Modules {
    /// Those of the crate whose root is `lib.rs` or `main.rs` in a folder.
    pub(crate) fn read(sources: &Path) -> Self {
        let root =
            ["lib.rs", "main.rs"].map(|name| sources.join(name)).into_iter().find(|file| file.is_file());
        let root = root.expect("a crate has a root");
        let mut modules = Self::default();
        modules.read_file(sources, &root, sources.to_owned(), Names::new());
        modules
    }

    /// Reads a file, and those of its modules, which are in `folder`.
    fn read_file(&mut self, sources: &Path, file: &Path, folder: PathBuf, module: Names) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let shown = file.strip_prefix(sources).expect("it is one of the crate").display().to_string();
        for (name, path) in self.add(&shown, &text, module.clone()) {
            let path = path.iter().fold(folder.clone(), |folder, inner| folder.join(inner));
            let inner = [&*module, &[name]].concat();
            self.read_file(sources, &path.with_extension("rs"), path.clone(), inner);
        }
    }

    /// Adds what a file says. Answers the modules whose files are to be read: each name and place.
    fn add(&mut self, file: &str, text: &str, module: Names) -> Vec<(String, Names)> {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut reader = Reader { modules: self, file, module, outer: Vec::new() };
        reader.module();
        reader.visit_file(&parsed);
        reader.outer
    }

    /// The file in which a path is defined; none for what another crate defines.
    fn defines(&self, path: &[String]) -> Option<&str> {
        self.follow(path, 0)
    }

    fn follow(&self, path: &[String], hops: usize) -> Option<&str> {
        // The longest beginning that is a module; what comes after it is an item of that.
        let (at, module) = (0..=path.len()).rev().find_map(|at| Some((at, self.0.get(&path[..at])?)))?;
        let imported = path.get(at).and_then(|name| module.imports.get(name));
        match imported.filter(|_| hops < 16) {
            Some(target) => {
                let whole = [target, &path[at + 1..]].concat();
                // What is imported from another crate is nobody's here.
                target.first().filter(|first| *first != FOREIGN)?;
                self.follow(&whole, hops + 1)
            }
            None => Some(&module.file),
        }
    }

    /// By file: the other files that it names, each with the path by which it does.
    pub(crate) fn edges(&self) -> BTreeMap<&str, BTreeMap<&str, String>> {
        let mut edges: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        for module in self.0.values() {
            let named = edges.entry(&module.file).or_default();
            for path in &module.named {
                if let Some(file) = self.defines(path).filter(|file| *file != module.file) {
                    named.entry(file).or_insert_with(|| path.join("::"));
                }
            }
        }
        edges
    }

    /// Files that name each other, in circles: the smallest of each file.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let edges = self.edges();
        let circles = edges.keys().filter_map(|file| shortest_way_back(&edges, file));
        let mut seen = BTreeSet::new();
        circles.filter(|circle| seen.insert(circle.iter().copied().collect::<BTreeSet<_>>())).collect()
    }
}

fn shortest_way_back<'a>(
    edges: &BTreeMap<&'a str, BTreeMap<&'a str, String>>,
    from: &&'a str,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![*from]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in edges[way[way.len() - 1]].keys() {
                if next == from {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([&*way, &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// Stands for the root of any other crate.
const FOREIGN: &str = "another crate";

/// Walks through a file.
struct Reader<'a> {
    modules: &'a mut Modules,
    file: &'a str,
    /// The module that is being walked through.
    module: Names,
    outer: Vec<(String, Names)>,
}

impl Reader<'_> {
    fn module(&mut self) -> &mut Module {
        let module = self.modules.0.entry(self.module.clone()).or_default();
        self.file.clone_into(&mut module.file);
        module
    }

    /// A path from the root of the crate, if it begins by `crate`, `self` or `super`.
    fn rooted(&self, path: &[String]) -> Option<Names> {
        let mut module = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str)? {
            "crate" => (module, rest) = (Names::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {}
            _ => return None,
        }
        while let Some(inner) = rest.strip_prefix(&["super".to_owned()][..]) {
            module.pop()?;
            rest = inner;
        }
        Some([&*module, rest].concat())
    }

    fn name(&mut self, path: &[String]) {
        if let Some(path) = self.rooted(path) {
            self.module().named.insert(path);
        }
    }

    /// What the tokens of a macro name. They are no syntax, but such paths are the same in all of it.
    fn name_in(&mut self, tokens: &str) {
        let tokens = tokens.replace(' ', "\u{1}").replace("\u{1}::\u{1}", "::").replace("::\u{1}", "::");
        for word in tokens.split(|char: char| !char.is_alphanumeric() && !"_:".contains(char)) {
            let path: Names = word.split("::").map(str::to_owned).collect();
            if path.len() > 1 {
                self.name(&path);
            }
        }
    }

    fn import(&mut self, tree: &UseTree, before: &Names) {
        let (name, path) = match tree {
            UseTree::Path(path) => {
                let before = [&**before, &[path.ident.to_string()]].concat();
                return self.import(&path.tree, &before);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before));
            }
            UseTree::Glob(_) => return self.name(before),
            UseTree::Name(name) if name.ident == "self" => (before[before.len() - 1].clone(), before.clone()),
            UseTree::Name(name) => (name.ident.to_string(), [&**before, &[name.ident.to_string()]].concat()),
            UseTree::Rename(rename) => {
                (rename.rename.to_string(), [&**before, &[rename.ident.to_string()]].concat())
            }
        };
        self.name(&path);
        let target = self.rooted(&path).unwrap_or_else(|| {
            // By a module of this one's own, or else of another crate.
            let inner = [&*self.module, &path].concat();
            if self.has_inner(&path[0]) { inner } else { vec![FOREIGN.to_owned()] }
        });
        if self.has_inner(&path[0]) {
            self.module().named.insert(target.clone());
        }
        self.module().imports.insert(name, target);
    }

    /// Whether the module that is being walked through declares this one.
    fn has_inner(&self, name: &str) -> bool {
        self.modules.0.contains_key(&[&*self.module, &[name.to_owned()]].concat())
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_file(&mut self, file: &'ast syn::File) {
        // Paths may begin by the name of a module, so all are known before any.
        declare(self, &file.items);
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if let Some((_, items)) = &module.content {
            self.module.push(module.ident.to_string());
            self.module();
            items.iter().for_each(|item| self.visit_item(item));
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &Names::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // `Self::…` and `self` alone are no modules.
        if names.len() > 1 {
            match self.has_inner(&names[0]) {
                true => {
                    let inner = [&*self.module, &names].concat();
                    self.module().named.insert(inner);
                }
                false => self.name(&names),
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.name_in(&call.tokens.to_string());
        visit::visit_macro(self, call);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.name_in(&list.tokens.to_string());
    }

    // Who may see something is no use of it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// Notes the modules that items declare, before anything is read that may name them.
fn declare(reader: &mut Reader<'_>, items: &[Item]) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        if is_test(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        reader.module.push(name.clone());
        match &module.content {
            Some((_, inner)) => {
                reader.module();
                declare(reader, inner);
            }
            // In a file of its own: which that is, is noted when it is read.
            None => {
                reader.modules.0.entry(reader.module.clone()).or_default();
                reader.outer.push((name, vec![module.ident.to_string()]));
            }
        }
        reader.module.pop();
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Modules by the text of their files, of which each is in the folder of the one before.
fn modules(files: &[(&str, &str)]) -> Modules {
    let mut modules = Modules::default();
    for (file, text) in files {
        let module = match *file {
            "lib.rs" => Names::new(),
            file => file.trim_end_matches(".rs").split('/').map(str::to_owned).collect(),
        };
        modules.add(file, text, module);
    }
    modules
}

#[test]
fn files_that_name_each_other_are_a_circle() {
    let by = |one: &str, other: &str| {
        let root = "mod one; mod other; pub use one::One; pub(crate) use other::{Other, Two as Renamed};";
        let modules = modules(&[("lib.rs", root), ("one.rs", one), ("other.rs", other)]);
        modules.circles().first().map(|files| files.join(" "))
    };
    let both = Some("one.rs other.rs".to_owned());
    assert_eq!(by("use crate::other::Other;", "use super::one::One;"), both);
    assert_eq!(by("use crate::Other;", "use super::{One};"), both, "a re-export is what it defines");
    assert_eq!(by("fn f() { crate::Renamed::new(); }", "use super::one;"), both, "renamed, and a module");
    assert_eq!(by("fn f() { println!(\"{}\", crate::Other); }", "type X = super::One;"), both, "in a macro");
    assert_eq!(by("use crate::other::*;", "use crate::one::{self, One};"), both);
    assert_eq!(by("use crate::other::Other;", "#[cfg(test)] mod tests { use crate::one::One; }"), None);
    assert_eq!(by("pub(in crate::other) struct X;", "use std::fmt;"), None, "who may see it");
    assert_eq!(by("use crate::other::Other;", "use kube::one::One; use crate::other::Two;"), None);
}

#[test]
fn a_parent_and_its_child_are_a_circle_only_if_the_child_uses_what_the_parent_defines() {
    let by = |parent: &str, child: &str| {
        let modules =
            modules(&[("lib.rs", "mod parent;"), ("parent.rs", parent), ("parent/child.rs", child)]);
        modules.circles().first().map(|files| files.join(" "))
    };
    let both = Some("parent.rs parent/child.rs".to_owned());
    assert_eq!(by("mod child; struct P; fn f() { child::f() }", "use super::P;"), both);
    assert_eq!(by("mod child; use child::C; struct P;", "fn f(_: super::P) {}"), both);
    assert_eq!(by("mod child; pub use child::C;", "struct C; fn f(_: super::C) {}"), None, "its own");
    assert_eq!(by("mod child; struct P;", "use super::P;"), None, "declared, and not used");
}
