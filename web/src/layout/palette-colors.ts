import { useComputedColorScheme } from '@mantine/core'
import { useMemo } from 'react'

/** The theme's colours as texts, for what is drawn on a canvas. */
export function usePalette() {
  const scheme = useComputedColorScheme('light')
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement)
    const of = (name: string) => style.getPropertyValue(name).trim()
    const dark = scheme === 'dark'
    return {
      text: of('--mantine-color-text') || (dark ? '#dfe3ec' : '#1c2230'),
      dim: of('--hc-dim'),
      line: dark ? '#4a5367' : '#b9c0cf',
      accent: of('--hc-accent'),
      font: of('--mantine-font-family') || 'sans-serif',
      series: dark
        ? ['#8ea2ff', '#5fcf91', '#e8c04a', '#7cbbe6', '#ff9f5a', '#c79bf0', '#9aa3b5']
        : ['#3b4fc4', '#1c7a45', '#946200', '#2f6f9f', '#c2410c', '#7a3fb0', '#5a6375'],
    }
  }, [scheme])
}
