"""What a page says after something was done: ``?done=<code>``, and never a text of somebody's."""

NOTES = {
    "welcome": "Your account is ready. Add your first printer next.",
    "signed-out": "You are signed out.",
    "verified": "Your address is confirmed. You can sign in now.",
    "password-reset": "Your new password is set. Sign in with it.",
    "password-changed": "Your password is changed. Every other browser has been signed out.",
    "preferences-saved": "Your preferences are saved.",
    "factor-on": "Two-step sign-in is on.",
    "factor-off": "Two-step sign-in is off.",
    "session-ended": "That browser is signed out.",
    "sessions-ended": "All other browsers are signed out.",
    "token-removed": "The token is revoked. Whatever used it has no access any more.",
    "account-removed": "The account and everything that was kept of it is deleted.",
    "role-changed": "The role is changed.",
    "factor-dropped": "This account signs in with its password alone now.",
    "configured": "OctoPrint has taken the settings. Now it has to log in.",
    "printer-added": "The printer is added.",
    "printer-renamed": "The printer has a new name.",
    "printer-saved": "The settings are saved.",
    "printer-revoked": "The printer's key is revoked. Its connection has ended.",
    "printer-admitted": "The printer may connect again.",
    "printer-removed": "The printer and everything that was kept of it is deleted.",
    "key-rotated": "The printer has a new key. The old one works no more.",
}
"""The texts by their codes."""
