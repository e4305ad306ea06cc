// Live sound for a gr.HTML: what the microphone hears goes to the server in messages, each as soon as the one before is
// answered, so that nothing is lost however busy the server is. (The stream of gr.Audio loses what comes meanwhile.)
// A message is {rate, samples: base64 of int16, first, ended}. The answer is a new value of the component: empty to go
// on, or a sentence to end with.

const SECONDS = 2; // of sound in a message, at least
const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) this.port.postMessage(channel.slice());
    return true;
  }
})`;

let stream, context;
let pieces = [];
let length = 0;
let first = true;
let listening = false;
let unsent = false; // something, be it the end, the server does not know yet
let waiting = false; // for an answer

const show = (text) => {
  element.dataset.listening = listening;
  element.querySelector("button").textContent = listening ? "Stop" : "Speak";
  element.querySelector("p").textContent = text;
};

const base64 = (samples) => {
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
};

const send = () => {
  if (waiting || !unsent || (listening && length < SECONDS * context.sampleRate)) return;
  const samples = new Int16Array(length);
  let at = 0;
  for (const piece of pieces) for (const value of piece) samples[at++] = Math.max(-1, Math.min(1, value)) * 32767;
  props.value = JSON.stringify({ rate: context.sampleRate, samples: base64(samples), first, ended: !listening });
  pieces = [];
  length = 0;
  first = unsent = false;
  waiting = true;
  trigger("input");
};

const start = async () => {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    return show("No microphone: connect one and allow this page to use it. Browsers offer it to https and localhost only.");
  }
  context = new AudioContext();
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([TAP], { type: "text/javascript" })));
  const tap = new AudioWorkletNode(context, "tap");
  tap.port.onmessage = ({ data }) => {
    if (!listening) return;
    pieces.push(data);
    length += data.length;
    unsent = true;
    send();
  };
  context.createMediaStreamSource(stream).connect(tap);
  first = listening = true;
  show("Listening …");
};

const stop = (text) => {
  for (const track of stream.getTracks()) track.stop();
  context.close();
  listening = false;
  show(text);
};

element.addEventListener("click", (event) => {
  if (!event.target.closest("button")) return;
  if (listening) {
    stop("Reading the last words …");
    unsent = true;
    send();
  } else if (!waiting) start();
});

watch("value", () => {
  waiting = false;
  if (props.value) {
    if (listening) stop("");
    pieces = [];
    length = 0;
    unsent = false;
  }
  if (!listening && !unsent) show(props.value);
  send();
});
