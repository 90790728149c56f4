/** A table on the console, row by row as results come in. */

/** @typedef {[title: string, width: number, show: (result: any) => string]} Column */

/** @param {Column[]} columns */
export function printTitles(columns) {
  printCells(columns, ([title]) => title);
}

/** @param {Column[]} columns @param {any} result */
export function printRow(columns, result) {
  printCells(columns, ([, , show]) => show(result));
}

/** @param {Column[]} columns @param {(column: Column) => string} cellOf */
function printCells(columns, cellOf) {
  const cells = columns.map((column, index) => {
    const cell = cellOf(column);
    return index === 0 ? cell.padEnd(column[1]) : cell.padStart(column[1]);
  });
  console.log(cells.join(""));
}
