// Elements of the page; text is always put in as text, for names are not ours.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const find = (id) => document.getElementById(id);

export function showMessage(text) {
  const message = find("message");
  message.textContent = text;
  message.hidden = false;
}

// Terms and what is said of each.
export function fillList(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([term, said]) => [element("dt", {}, term), element("dd", {}, said)]),
  );
}

export function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}
