// Plays sentences one after the other, each as soon as it is there, while the next ones are still being made.
// The value is JSON: {run, parts: [{path, text}], done}. All parts so far come every time, so that none is lost when two
// updates meet. A new run, or one that was stopped, ends what is playing.

const PAUSE = 250; // ms between sentences

let run, sound, timer;
let parts = [];
let position = 0; // of the part to play next
let done = true;
let over = false; // stopped

const say = (text) => (element.querySelector("p").textContent = text);
const address = (path) => {
  const { root, api_prefix = "" } = window.gradio_config;
  return `${root}${api_prefix}/file=${path.split("/").map(encodeURIComponent).join("/")}`;
};

const next = () => {
  timer = undefined;
  if (position >= parts.length) {
    sound = undefined;
    element.dataset.playing = !done;
    if (done) say("");
    return;
  }
  const part = parts[position++];
  sound = new Audio(address(part.path));
  sound.onplaying = () => {
    element.dataset.playing = true;
    element.dataset.played = position;
    say(part.text);
  };
  sound.onended = () => (timer = setTimeout(next, PAUSE));
  sound.onerror = () => (timer = setTimeout(next, 0));
  sound.play().catch(() => say("This browser does not play by itself: press play below."));
};

const end = () => {
  clearTimeout(timer);
  if (sound) {
    sound.onended = sound.onerror = null;
    sound.pause();
  }
  sound = timer = undefined;
  parts = [];
  position = 0;
  say("");
  element.dataset.playing = false;
};

watch("value", () => {
  if (!props.value) return end();
  const news = JSON.parse(props.value);
  if (news.run !== run) {
    end();
    element.dataset.played = 0;
    run = news.run;
    over = false;
  }
  over ||= news.stopped; // a sentence that was being made may still come
  if (over) return end();
  parts = news.parts;
  done = news.done;
  if (!sound && timer === undefined) next();
});
