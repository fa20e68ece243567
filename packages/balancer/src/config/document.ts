/**
 * From the text of the file to plain values with positions: YAML 1.2 (and JSON, which is YAML), anchors, merge keys
 * and `${ENV}`. The tree is walked here instead of asking the parser for plain objects, because positions, the
 * expansion of variables and the bound on aliases all need to see every node once.
 */
import { type Alias, type Document, isAlias, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml';
import { Positions } from './positions.js';
import { readTree } from './tree.js';
import type { Finding } from './types.js';

export interface ReadDocument {
  readonly value: unknown;
  readonly positions: Positions;
  readonly findings: readonly Finding[];
  /** Paths (as of `pathKey`) of texts that were one whole `${…}`: they may be meant as numbers or booleans. */
  readonly wholeReferences: ReadonlySet<string>;
  /** Paths of texts that a secret went into. */
  readonly secrets: ReadonlySet<string>;
}

/** One syntax error draws others after it; beyond these, more of them help nobody. */
const MAX_SYNTAX_ERRORS = 20;

export function readDocument(text: string, env: NodeJS.ProcessEnv): ReadDocument {
  const lines = new LineCounter();
  const positions = new Positions(lines);
  const document = parse(text, lines);
  const findings = [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_ERRORS).map(syntaxFinding);
  if (findings.length > 0) {
    return { value: undefined, positions, findings, wholeReferences: new Set(), secrets: new Set() };
  }
  return { positions, ...readTree(document.contents, { positions, env, anchors: resolveAliases(document) }) };
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed {
  // Duplicate keys are found while walking: there, the path to them is known, and they do not hide other mistakes.
  return parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    logLevel: 'error',
  });
}

/** What each alias stands for: the last anchor of that name before it. One pass; `alias.resolve` takes one each. */
function resolveAliases(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
    },
  });
  return targets;
}

function syntaxFinding({ code, message, pos }: YAMLError): Finding {
  const at = { path: [], on: 'value', offset: pos[0] } as const;
  switch (code) {
    case 'MULTIPLE_DOCS':
      return { ...at, expected: 'one document', got: 'several, parted by ---' };
    case 'RESOURCE_EXHAUSTION':
      return { ...at, expected: 'a few levels of maps and lists', got: 'more levels than can be read' };
    case 'NON_STRING_KEY':
      return { ...at, expected: 'a text as key', got: 'a list or a map as key' };
    case 'TAG_RESOLVE_FAILED':
      return { ...at, expected: 'values without tags of their own', got: 'a tag (!…) that YAML does not define' };
    default:
      return { ...at, expected: 'valid YAML or JSON', got: `a syntax error: ${message.split('\n', 1)[0] ?? ''}` };
  }
}
