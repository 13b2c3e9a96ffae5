// The viewer with its controls, loaded only when there is a model to show.
export async function createViewer(place, url, name) {
  const [{ Viewer }, { addControls }] = await Promise.all([import("/viewer/viewer.js"), import("/viewer/controls.js")]);
  const viewer = new Viewer(place, { label: name });
  addControls(viewer, place);
  await viewer.load(url);
  return viewer;
}
