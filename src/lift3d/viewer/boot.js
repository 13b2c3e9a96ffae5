// The start of a page of `lift3d view`: unpacks the modules and the model that the page holds, and shows the model.
(async () => {
  const place = document.getElementById("viewer");
  const note = document.getElementById("note");
  const PIECE = 1 << 20; // characters of base64 decoded at a time, a multiple of four

  const unpack = (element) => {
    const text = element.content.textContent.trim();
    element.remove();
    const pieces = [];
    for (let at = 0; at < text.length; at += PIECE) pieces.push(Uint8Array.from(atob(text.slice(at, at + PIECE)), (one) => one.charCodeAt(0)));
    return new Response(new Blob(pieces).stream().pipeThrough(new DecompressionStream("gzip")));
  };

  try {
    if (!window.DecompressionStream) throw new Error("This browser is too old to show the model; one from 2023 or later can.");
    const addresses = {};
    for (const element of document.querySelectorAll("template[data-module]")) {
      const name = element.dataset.module; // after the modules that it imports
      const text = (await unpack(element).text()).replace(/"module:([\w./-]+)"/g, (_, other) => JSON.stringify(addresses[other]));
      addresses[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    }
    const [{ Viewer }, { addControls }] = [await import(addresses["viewer.js"]), await import(addresses["controls.js"])];
    const model = (name) => {
      const element = document.querySelector(`template[data-model="${name}"]`);
      return element && unpack(element).arrayBuffer();
    };
    let viewer;
    try {
      viewer = new Viewer(place, { label: document.title });
    } catch {
      throw new Error("This browser cannot show 3-D graphics (WebGL 2); another browser, or its hardware acceleration switched on, may.");
    }
    addControls(viewer, place);
    await viewer.load(await model("model"), await model("confidence"));
    window.lift3dViewer = viewer; // for the console of the browser
    note.remove();
  } catch (error) {
    note.textContent = error.message;
    note.classList.add("failed");
  }
  place.setAttribute("aria-busy", "false");
})();
