/**
 * Which property names are the client's own affair, so that the build may shorten them. Asked of the compiler and not of a
 * convention (`_x`, `$x`): a source that had to be spelled for its build would cost every reader what it saves a page. A name
 * is kept when there is any doubt: it is in a public type, however deep; on the wire, which is everything of the protocol
 * besides methods and fields of its classes; of the platform; or spelled in a string somewhere.
 */
import ts from 'typescript';

/** @param entries files whose exports are public @returns names, sorted */
export function internalNames(entries) {
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    module: ts.ModuleKind.NodeNext,
    customConditions: ['@holdfast/source'],
    types: [],
    noEmit: true,
  });
  const isOurs = ({ fileName }) => !fileName.includes('/node_modules/');
  const declared = new Set();
  const kept = publicNames(program, entries, isOurs);
  for (const file of program.getSourceFiles()) {
    const isWire = file.fileName.includes('/protocol/src/');
    visit(file, (node) => {
      const name = nameOf(node);
      if (!isOurs(file)) return name !== undefined && kept.add(name);
      if (ts.isStringLiteralLike(node)) kept.add(node.text);
      if (name === undefined || !isMember(node)) return;
      declared.add(name);
      if (isWire && !ts.isClassLike(node.parent)) kept.add(name);
    });
  }
  return [...declared].filter((name) => !kept.has(name)).toSorted();
}

/** Of everything that the declarations of the exports lead to. Bodies and private members are not part of those. */
function publicNames(program, entries, isOurs) {
  const checker = program.getTypeChecker();
  const names = new Set();
  const seen = new Set();
  const walk = (node) => {
    if (ts.isBlock(node) || (node.name && ts.isPrivateIdentifier(node.name))) return;
    if (isMember(node)) names.add(nameOf(node));
    if (ts.isIdentifier(node)) follow(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, walk);
  };
  const follow = (named) => {
    const symbol = named && named.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(named) : named;
    if (!symbol || seen.has(symbol)) return;
    seen.add(symbol);
    for (const declaration of symbol.declarations ?? []) if (isOurs(declaration.getSourceFile())) walk(declaration);
  };
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const symbol of checker.getExportsOfModule(module)) follow(symbol);
  }
  return names;
}

function visit(node, act) {
  act(node);
  ts.forEachChild(node, (child) => visit(child, act));
}

function isMember(node) {
  return ts.isTypeElement(node) || ts.isClassElement(node) || ts.isObjectLiteralElement(node);
}

/** Undefined for names that are computed, quoted or private. */
function nameOf({ name }) {
  return name && ts.isIdentifier(name) ? name.text : undefined;
}
