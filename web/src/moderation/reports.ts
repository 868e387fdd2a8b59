import { useQuery, type QueryClient } from '@tanstack/react-query'
import { loadForms, loadPolicy, loadTemplates, type Form } from '../report/api'

const SELDOM_MS = 300_000

/** The forms, for the words of their fields. */
export function useForms(): Form[] {
  return useQuery({ queryKey: ['forms'], queryFn: () => loadForms(), staleTime: SELDOM_MS }).data?.items ?? []
}

export function usePolicy() {
  return useQuery({ queryKey: ['policy'], queryFn: () => loadPolicy(), staleTime: SELDOM_MS })
}

export function useTemplates(enabled: boolean) {
  const found = useQuery({
    queryKey: ['report-templates'],
    queryFn: () => loadTemplates(),
    staleTime: SELDOM_MS,
    enabled,
  })
  return found.data?.items ?? []
}

export function reportsChanged(client: QueryClient): void {
  for (const key of ['reports', 'report', 'appeals', 'report-notices'])
    void client.invalidateQueries({ queryKey: [key] })
}

export function formTitle(type: string, forms: readonly Form[]): string {
  return forms.find((form) => form.type === type)?.title ?? type
}

export function fieldLabel(type: string, field: string, forms: readonly Form[]): string {
  const found = forms.find((form) => form.type === type)?.fields.find(({ name }) => name === field)
  return found?.label ?? field.replaceAll('_', ' ')
}
