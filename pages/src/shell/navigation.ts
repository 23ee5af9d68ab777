/** The places of the dashboard, in the order of the sidebar; each has a key that goes there after `g`. */
import {
  Activity,
  BarChart3,
  Cable,
  FileCheck2,
  Gauge,
  Globe,
  type LucideIcon,
  Send,
  Settings,
  Split,
  Users,
  Waypoints,
} from "lucide-react";

export interface Place {
  path: string;
  label: string;
  icon: LucideIcon;
  key: string;
  group: "" | "Data" | "Understand" | "Rules";
}

export const PLACES: Place[] = [
  { path: "overview", label: "Overview", icon: Gauge, key: "o", group: "" },
  { path: "analytics", label: "Analytics", icon: BarChart3, key: "a", group: "Understand" },
  { path: "live", label: "Live", icon: Activity, key: "l", group: "Understand" },
  { path: "people", label: "People", icon: Users, key: "p", group: "Understand" },
  { path: "sources", label: "Sources", icon: Globe, key: "s", group: "Data" },
  { path: "destinations", label: "Destinations", icon: Waypoints, key: "d", group: "Data" },
  { path: "delivery", label: "Delivery", icon: Send, key: "y", group: "Data" },
  { path: "pipelines", label: "Pipelines", icon: Split, key: "i", group: "Rules" },
  { path: "org-data-layer", label: "Org data layer", icon: Cable, key: "r", group: "Rules" },
  { path: "tracking-plan", label: "Tracking plan", icon: FileCheck2, key: "t", group: "Rules" },
  { path: "settings", label: "Settings", icon: Settings, key: "e", group: "" },
];
