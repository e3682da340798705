"""The admin panel: what is going on, who may do what, and every action on money, with an audit entry each."""
