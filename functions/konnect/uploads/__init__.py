"""Files of users in Cloud Storage: résumés, photos, attachments. Bytes never pass through a function."""
