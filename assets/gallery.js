// The address names the open task (?task=<slug>), and a card on the home page opens its task without a reload.
(() => {
  const tabButton = (name) => document.getElementById(`tab-${name}-button`);

  // The page may still be mounting, and inner tabs mount only after their group has opened: try until it is there.
  const openTask = (slug, tries = 100) => {
    const card = document.querySelector(`.card[data-task="${CSS.escape(slug)}"]`);
    const tab = tabButton(slug);
    if (tab?.offsetParent) return tab.click();
    if (card) tabButton(card.dataset.group)?.click();
    if (tries) setTimeout(() => openTask(slug, tries - 1), 100);
  };

  const remember = (slug) => {
    const address = new URL(location);
    if (slug) address.searchParams.set("task", slug);
    else address.searchParams.delete("task");
    history.replaceState(null, "", address);
  };

  const openedSlug = () => {
    const chosen = [...document.querySelectorAll('button[role="tab"][aria-selected="true"]')].filter((b) => b.offsetParent);
    const slugs = chosen.map((button) => button.id.replace(/^tab-|-button$/g, ""));
    return slugs.find((slug) => document.querySelector(`.card[data-task="${CSS.escape(slug)}"]`));
  };

  document.addEventListener("click", (event) => {
    const card = event.target.closest?.(".card[data-task]");
    if (card && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      openTask(card.dataset.task);
      window.scrollTo({ top: 0 });
    }
    if (card || event.target.closest?.('button[role="tab"], .overflow-menu')) setTimeout(() => remember(openedSlug()), 150);
  });

  const slug = new URLSearchParams(location.search).get("task");
  if (slug) openTask(slug);
})();
