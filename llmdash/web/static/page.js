// Lets the terminal of textual.js in: it opens its socket with the token, and opens it again after a drop.
"use strict";

(() => {
  const SUBPROTOCOL = "llmdash";
  const TOKEN = "llmdash-token";
  const ENDED = 1000; // the codes of web/sockets.py
  const FULL = 4000;
  const LOOK_MS = 1000;

  // The token comes behind the #, which no browser sends. It stays in this tab alone, not in the address.
  if (location.hash.length > 1) {
    sessionStorage.setItem(TOKEN, location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }
  const token = sessionStorage.getItem(TOKEN);

  function say(words, { button }) {
    document.querySelector("#words").textContent = words;
    const again = document.querySelector("#again");
    again.hidden = !button;
    again.focus();
  }

  async function isThere() {
    try {
      return (await fetch("/alive", { cache: "no-store" })).ok;
    } catch {
      return false;
    }
  }

  async function openAgainOnceThere() {
    say("The server is not reached; trying again…", { button: false });
    while (!(await isThere())) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    location.reload();
  }

  async function closed(event, wasOpen) {
    if (event.code === ENDED) {
      say("The viewer has ended.", { button: true });
    } else if (event.code === FULL) {
      say(event.reason, { button: true });
    } else if (!wasOpen && (await isThere())) {
      sessionStorage.removeItem(TOKEN);
      say("The token of this page is an old one: open the address that llmdash web has printed.", { button: false });
    } else {
      openAgainOnceThere();
    }
  }

  window.WebSocket = class extends WebSocket {
    constructor(address) {
      super(address, [SUBPROTOCOL, token]);
      let wasOpen = false;
      this.addEventListener("open", () => (wasOpen = true));
      this.addEventListener("close", (event) => closed(event, wasOpen));
    }
  };

  const start = window.onload; // of textual.js: makes the terminal, which measures its font
  window.onload = async (event) => {
    document.querySelector("#again").onclick = () => location.reload();
    if (!token) {
      say("The address lacks its token: open the one that llmdash web has printed.", { button: false });
      return;
    }
    document.querySelector("#terminal").dataset.sessionWebsocketUrl = `ws://${location.host}/viewer`;
    await document.fonts.load('15px "Roboto Mono"');
    start(event);
    document.querySelector(".xterm-helper-textarea").focus();
  };
})();
