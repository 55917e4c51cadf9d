
// Filters of a leaderboard: which methods are shown; ranks stay those among all.
for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.querySelectorAll("#leaderboard .methods tr")];
  const status = form.querySelector("[role=status]");

  function show() {
    const learned = new Set([...form.querySelectorAll("[name=learned]:checked")].map((box) => box.value));
    const onlyOpen = form.querySelector("[name=open]").checked;
    for (const row of rows) row.hidden = !learned.has(row.dataset.learned) || (onlyOpen && !row.dataset.open);
    const count = rows.filter((row) => !row.hidden).length;
    status.textContent = count === rows.length ? `${count} methods` : `${count} of ${rows.length} methods`;
  }

  form.hidden = false;
  form.addEventListener("change", show);
  show();
}

// What is started pauses what was playing.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
}, true);
