"""Google Sheets: reading a range of a spreadsheet."""
