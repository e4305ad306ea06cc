// The address names the open task (?task=<slug>), and a card on the home page opens its task without a reload.
(() => {
  const tabButton = (name) => document.getElementById(`tab-${name}-button`);
  // On a narrow page tabs move into the menu "More tabs", where they carry nothing but their title.
  const menuEntry = (title) => [...document.querySelectorAll(".overflow-dropdown button")].find((b) => b.textContent.trim() === title);

  // The page may still be mounting, and inner tabs mount only after their group has opened: try until it is there.
  let wanted = null;
  const openTask = (slug, tries = 300) => {
    if (slug !== wanted) return; // the visitor has gone elsewhere meanwhile
    const card = document.querySelector(`.card[data-task="${CSS.escape(slug)}"]`);
    const tab = tabButton(slug);
    if (tab?.offsetParent) return tab.click();
    if (card) {
      const entry = menuEntry(card.querySelector("h3").textContent);
      if (entry) return entry.click();
      (tabButton(card.dataset.group) ?? menuEntry(card.closest("section").querySelector("h2").textContent))?.click();
    }
    if (tries) setTimeout(() => openTask(slug, tries - 1), 100);
  };

  const open = (slug) => {
    wanted = slug;
    openTask(slug);
  };

  const remember = (slug) => {
    const address = new URL(location);
    if (slug) address.searchParams.set("task", slug);
    else address.searchParams.delete("task");
    history.replaceState(null, "", address);
  };

  const openedSlug = () =>
    [...document.querySelectorAll(".card[data-task]")]
      .map((card) => card.dataset.task)
      .find((slug) => document.getElementById(`tab-${slug}`)?.offsetParent);

  // For buttons that send something to another room.
  window.openRoom = (slug) => {
    open(slug);
    remember(slug);
    window.scrollTo({ top: 0 });
  };

  document.addEventListener("click", (event) => {
    if (event.isTrusted) wanted = null;
    const card = event.target.closest?.(".card[data-task]");
    if (card && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      openRoom(card.dataset.task);
    }
    // A tab that is opened for the first time takes a moment to mount.
    if (card || event.target.closest?.('button[role="tab"], .overflow-menu'))
      for (const wait of [150, 800, 3000]) setTimeout(() => remember(openedSlug()), wait);
  });

  // Gradio gives the pictures among its examples no name: without one a screen reader says nothing but "button".
  const nameExamples = () =>
    document.querySelectorAll("button.gallery-item:not([aria-label])").forEach((button) => {
      if (button.textContent.trim()) return;
      button.setAttribute("aria-label", `Example ${[...button.parentElement.children].indexOf(button) + 1}`);
    });
  new MutationObserver(nameExamples).observe(document.documentElement, { childList: true, subtree: true });

  const slug = new URLSearchParams(location.search).get("task");
  if (slug) open(slug);
})();
