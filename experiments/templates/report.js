"use strict";

// Leaderboard: a header's button sorts by its column, methods and controls each among themselves.
const leaderboard = document.querySelector("table.leaderboard");

function compare(first, second, column, sign) {
  const [a, b] = [first, second].map((row) => row.cells[column].dataset.value);
  // What has no value stands last either way.
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}

function sortBy(header) {
  const before = header.getAttribute("aria-sort");
  const opposite = { ascending: "descending", descending: "ascending" };
  const order = opposite[before] ?? header.dataset.first;
  for (const other of header.parentElement.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  for (const body of leaderboard.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((first, second) => compare(first, second, header.cellIndex, sign));
    body.append(...rows);
  }
}

for (const header of leaderboard.tHead.rows[0].cells) {
  header.querySelector("button").addEventListener("click", () => sortBy(header));
}

// Players: one at a time, each with a line over its spectrogram where the sound is.
const players = [...document.querySelectorAll("audio")];

for (const player of players) {
  const card = player.closest(".clip");
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
    card.classList.add("started");
  });
  player.addEventListener("timeupdate", () => {
    card.style.setProperty("--played", `${(100 * player.currentTime) / (player.duration || 1)}%`);
  });
}

document.documentElement.dataset.ready = "sortable";
