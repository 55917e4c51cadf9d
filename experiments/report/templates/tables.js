"use strict";

// Tables: a heading's button sorts by its column, the rows of each body among themselves.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];

  function compare(first, second, column, sign) {
    const [a, b] = [first, second].map((row) => row.cells[column].dataset.value);
    // What has no value stands last either way.
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
  }

  function sortBy(header) {
    const opposite = { ascending: "descending", descending: "ascending" };
    const order = opposite[header.getAttribute("aria-sort")] ?? header.dataset.first;
    for (const other of headers) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      rows.sort((first, second) => compare(first, second, header.cellIndex, sign));
      body.append(...rows);
    }
  }

  for (const header of headers) {
    header.querySelector("button").addEventListener("click", () => sortBy(header));
  }
}
