/**
 * Takes out of the client what PROTOCOL.md says already: what was expected of a frame that is wrong. The error keeps the name of
 * the field and what came in it, which is what whoever mends that server looks up. Calls of `unexpected(what, expected,
 * got)`, and that function itself, lose their second part; errors that applications cause keep theirs.
 */
import ts from 'typescript';

const { factory } = ts;
const NAME = 'unexpected';
const INSTEAD = 'what PROTOCOL.md says';

/** For `transformers.before` of the compiler. */
export function withoutExpectations(context) {
  const withoutSecond = (list) => list.filter((_, index) => index !== 1);
  const visit = (node) => {
    const visited = ts.visitEachChild(node, visit, context);
    if (ts.isCallExpression(visited) && isNamed(visited.expression)) {
      return factory.updateCallExpression(visited, visited.expression, undefined, withoutSecond(visited.arguments));
    }
    if (!ts.isFunctionDeclaration(visited) || !isNamed(visited.name)) return visited;
    const dropped = visited.parameters[1].name.text;
    const { modifiers, asteriskToken, name, parameters } = visited;
    const body = ts.visitNode(visited.body, replacing(dropped, context));
    return factory.updateFunctionDeclaration(
      visited,
      modifiers,
      asteriskToken,
      name,
      undefined,
      withoutSecond(parameters),
      undefined,
      body,
    );
  };
  return (file) => ts.visitNode(file, visit);
}

function isNamed(node) {
  return ts.isIdentifier(node) && node.text === NAME;
}

function replacing(name, context) {
  const visit = (node) =>
    ts.isIdentifier(node) && node.text === name
      ? factory.createStringLiteral(INSTEAD)
      : ts.visitEachChild(node, visit, context);
  return visit;
}
