import { storage } from '../report/draft'

/** Where the console keeps which theme was chosen. */
const KEY = 'mantine-color-scheme-value'

/** The theme that was chosen in the console on this machine, else the system's. */
export function followScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    const chosen = storage()?.getItem(KEY)
    const scheme = chosen === 'light' || chosen === 'dark' ? chosen : dark.matches ? 'dark' : 'light'
    document.documentElement.setAttribute('data-mantine-color-scheme', scheme)
  }
  apply()
  dark.addEventListener('change', apply)
  window.addEventListener('storage', apply)
}
