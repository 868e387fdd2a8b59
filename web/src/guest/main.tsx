import '../layout/theme.css'
import './guest.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Guest } from './guest'
import { followScheme } from './scheme'

followScheme()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Guest />
    </StrictMode>,
  )
}
