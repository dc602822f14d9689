"""Draws Grafana's dashboards without Grafana: for the notes of an incident, and for the documentation."""
