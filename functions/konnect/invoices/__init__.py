"""Invoices, credit notes and receipts: the paper of payments, and their history."""
