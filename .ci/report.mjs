/**
 * Reads vitest's JSON reports for .ci/run.
 *   node .ci/report.mjs again FIRST                     files of the failed tests, if they are few enough to be an accident
 *   node .ci/report.mjs summary OUTCOME FIRST [SECOND]  the failed tests, and as the last line `N passed, N failed`
 * SECOND is of a run of those files alone: of what failed first, what failed there too has failed. A run that ended badly
 * without a failed test (no report, a broken test file, an unhandled error) counts as one failure.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Files: tests of one file often share what went wrong. */
const MAX_ACCIDENTS = 2;

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function failuresOf(report) {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => {
        const [why = ''] = failureMessages;
        return { file: relative('.', name), name: fullName, why: why.split('\n', 1)[0] };
      }),
  );
}

/** A file that could not even be loaded has no failed test, and running it again would change nothing. */
function filesToRunAgain(report) {
  const failures = failuresOf(report);
  const files = [...new Set(failures.map(({ file }) => file))];
  const isAccident = files.length <= MAX_ACCIDENTS && failures.length === report?.numFailedTests;
  return isAccident ? files : [];
}

function summary(outcome, first, second) {
  const failures = failuresOf(first);
  const lasting = second === undefined ? failures : failuresOf(second);
  const lines = failures.map(({ file, name, why }) => `failed: ${file}: ${name}: ${why}`);
  if (second !== undefined) lines.push(...lasting.map(({ name }) => `failed again: ${name}`));
  if (second !== undefined && outcome === '0') lines.push(`passed when run again by themselves: ${failures.length}`);
  const failed = lasting.length === 0 && outcome !== '0' ? 1 : lasting.length;
  const passed = (first?.numPassedTests ?? 0) + (second === undefined ? 0 : Math.max(0, failures.length - failed));
  return [...lines, `${passed} passed, ${failed} failed`];
}

const [what, ...args] = process.argv.slice(2);
if (what === 'again') console.log(filesToRunAgain(readReport(args[0])).join(' '));
else console.log(summary(args[0], readReport(args[1]), args[2] && readReport(args[2])).join('\n'));
