// Dark or light: as the system has it, or as was chosen here.

const CHOICE = "acefleet.theme";
const system = matchMedia("(prefers-color-scheme: light)");

class Theme {
  chosen = $state(localStorage.getItem(CHOICE));
  #systemLight = $state(system.matches);
  readonly light = $derived(this.chosen ? this.chosen === "light" : this.#systemLight);

  start(): () => void {
    const changed = () => (this.#systemLight = system.matches);
    system.addEventListener("change", changed);
    return () => system.removeEventListener("change", changed);
  }

  turn(): void {
    this.chosen = this.light ? "dark" : "light";
    localStorage.setItem(CHOICE, this.chosen);
  }
}

export const theme = new Theme();
