// Reads the emulator's report of rule coverage: a tree of expressions, each with the values it had and how often.

const LITERAL = /^(true|false)$/;

/** A value it really had: "undefined" stands for an error or a document not yet fetched, {} for not reached. */
const isOutcome = ({ value }) => Object.keys(value ?? {}).some((kind) => kind !== "undefined");

/** What the report shows as never evaluated, or as always true or always false, one line each with its place. */
export const unvisited = ({ report }, source) => {
  const lines = [];
  const visit = ({ sourcePosition: at, values = [], children = [] }) => {
    const text = source.slice(at.currentOffset, at.endOffset + 1);
    const outcomes = values.filter(isOutcome).map(({ value }) => value);
    const place = `firestore.rules:${at.line}:${at.column} ${text}`;
    const booleans = new Set(outcomes.map(({ boolValue }) => boolValue));
    if (outcomes.length === 0) lines.push(`${place}: never evaluated`);
    else if (booleans.size === 1 && !booleans.has(undefined) && !LITERAL.test(text)) {
      lines.push(`${place}: always ${[...booleans][0]}`);
    }
    children.forEach(visit);
  };
  report.forEach(visit);
  return lines;
};
