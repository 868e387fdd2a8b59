import { useEffect, useEffectEvent } from 'react'

/** What a key press means: `j`, `Shift+a`, `mod+k`; after `g`, `g q`. */
export function keyName(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const mod = event.ctrlKey || event.metaKey ? 'mod+' : ''
  const shift = event.shiftKey && /^[a-z]$|^[A-Z][a-z]/.test(key) ? 'Shift+' : ''
  return `${mod}${event.altKey ? 'alt+' : ''}${shift}${key}`
}

/** Whether keys belong to what has the focus: a field, a menu, a dialog. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    return !(target instanceof HTMLInputElement && target.type === 'checkbox')
  }
  return target.closest('[role="menu"],[role="listbox"],[role="dialog"]') !== null
}

/** Joins a key to the one before it, for chords such as `g q`. */
export class Chords {
  private lead: string | null = null
  private lead_ms = 0

  constructor(
    private readonly leads: readonly string[],
    private readonly wait_ms = 1_000,
  ) {}

  next(key: string, now_ms: number): string {
    const lead = this.lead !== null && now_ms - this.lead_ms <= this.wait_ms ? this.lead : null
    this.lead = null
    if (lead !== null) return `${lead} ${key}`
    if (this.leads.includes(key)) {
      this.lead = key
      this.lead_ms = now_ms
    }
    return key
  }
}

/** Handles key presses of the page while the component is there. A handler returns `false` for a key it leaves alone. */
export function useKeys(bindings: Record<string, () => unknown>, enabled = true): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || isTyping(event.target)) return
    const act = bindings[keyName(event)]
    if (act && act() !== false) event.preventDefault()
  })
  useEffect(() => {
    if (!enabled) return
    const listen = (event: KeyboardEvent) => press(event)
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [enabled])
}
