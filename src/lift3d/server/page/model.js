// The viewer with its controls, loaded only when there is a model to show.
export async function createViewer(place, url, name, confidence) {
  const [{ Viewer }, { addControls }] = await Promise.all([import("/viewer/viewer.js"), import("/viewer/controls.js")]);
  place.classList.add("viewer");
  const viewer = new Viewer(place, { label: name });
  addControls(viewer, place);
  await viewer.load(url, confidence);
  return viewer;
}
